import { createHash, type Hash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { InputArtifact, Shard } from '@sonde/executor';
import type { CONTINUATIONS, PROMPTS } from '@sonde/formats/columns';

/**
 * Most prompts and most sequences of a shard: what is batched together is fixed by the data, not by the machine, and a
 * shard's states fit in memory. Where a shard ends is part of what decides the last bits of its numbers: whoever changes
 * it raises the revisions of the kinds that divide so.
 */
const SHARD_PROMPTS = 32;
const SHARD_SEQUENCES = 1600;

/** What of its inputs a shard reads. */
export type RowRange = {
  /** Rows [start, end) of the prompts. */
  readonly start: number;
  readonly end: number;
  /** Samples [first, last) of each of them; of given continuations, so many in the order of their samples. */
  readonly samples?: readonly [number, number];
  /** Rows [first, last) of the table of continuations, in which those of the prompts lie. */
  readonly continuations?: readonly [number, number];
};

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Rows [start, end) that make a shard, and how many sequences they stand for. */
type Run = { readonly start: number; readonly end: number; readonly sequences: number };

/**
 * Cuts rows into runs that make a shard each. In the second half of what a shard may hold, the cut comes after the prompt
 * whose id has the least hash: so it is the prompts around a cut that decide it, not how many stand before them, and a
 * prompt that is put in or taken out moves the cuts near it alone.
 *
 * @param sequences how many a row stands for
 */
function cut(ids: readonly string[], sequences: (row: number) => number): Run[] {
  const hashes = ids.map(digestOf);
  const runs: Run[] = [];
  for (let start = 0; start < ids.length; ) {
    const { most, isFull } = reach(start, ids.length, sequences);
    const end = isFull ? leastHash(hashes, start + Math.ceil((most - start) / 2), most) : most;
    let sum = 0;
    for (let row = start; row < end; row++) sum += sequences(row);
    runs.push({ start, end, sequences: sum });
    start = end;
  }
  return runs;
}

/**
 * The farthest end of a shard that begins at a row, which it has at least, and whether another prompt like its last would
 * not fit: then it does not matter whether one follows.
 */
function reach(start: number, count: number, sequences: (row: number) => number): { most: number; isFull: boolean } {
  let most = start + 1;
  let sum = sequences(start);
  const fits = (more: number): boolean => most - start < SHARD_PROMPTS && sum + more <= SHARD_SEQUENCES;
  while (most < count && fits(sequences(most))) sum += sequences(most++);
  return { most, isFull: most < count || !fits(sequences(most - 1)) };
}

/** Of the ends from `first` to `last`, that whose last row has the least hash. */
function leastHash(hashes: readonly string[], first: number, last: number): number {
  let best = first;
  for (let end = first + 1; end <= last; end++) if (hashes[end - 1]! < hashes[best - 1]!) best = end;
  return best;
}

const PROMPT_COLUMNS = [
  'prompt_id',
  'rendered',
  'span_start',
  'span_end',
  'add_special_tokens',
] satisfies (keyof typeof PROMPTS.columns)[];

/** Whole numbers of other programs' tables often have 64 bits, which JSON does not know. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : (value ?? null);
}

/** What a model reads of a prompt: its scores, for one, are no part of it. */
async function promptRows(prompts: InputArtifact): Promise<[string, ...unknown[]][]> {
  const { readTableParts, rows } = await import('@sonde/tables');
  const found: [string, ...unknown[]][] = [];
  const ids = new Set<string>();
  // What is missing is said by the step, when it runs.
  const columns = { columns: [], optional: PROMPT_COLUMNS };
  for await (const table of readTableParts(prompts.path, columns)) {
    for (const row of rows(table)) {
      const id = String(row.prompt_id);
      if (ids.has(id)) {
        throw new UserError('ids', `two prompts have the id "${id}"; ids name the random streams and must differ`);
      }
      ids.add(id);
      found.push([id, ...PROMPT_COLUMNS.slice(1).map((name) => plain(row[name]))]);
    }
  }
  return found;
}

/**
 * Divides a table of prompts, and where a prompt has more samples than a shard holds, its samples. A shard is known by
 * its prompts and samples: with more of either, what was there stays.
 */
export async function dividePrompts(config: {
  readonly prompts: InputArtifact;
  readonly num_return_sequences: number;
}): Promise<Shard<RowRange>[]> {
  const prompts = await promptRows(config.prompts);
  const samples = config.num_return_sequences;
  const ids = prompts.map(([id]) => id);
  return cut(ids, () => samples).flatMap(({ start, end }) => {
    const rows = digestOf(prompts.slice(start, end));
    const shards: Shard<RowRange>[] = [];
    for (let first = 0; first < samples; first += SHARD_SEQUENCES) {
      const range = [first, Math.min(samples, first + SHARD_SEQUENCES)] as const;
      shards.push({
        identity: { rows, samples: range },
        range: { start, end, samples: range },
        weight: (end - start) * (range[1] - first),
      });
    }
    return shards;
  });
}

const PAIR_COLUMNS = ['prompt_id', 'sample', 'token_ids', 'text'] satisfies (keyof typeof CONTINUATIONS.columns)[];

/** A prompt's continuations, as a table of them goes by. */
interface Seen {
  count: number;
  readonly content: Hash;
  /** Rows of the table in which they lie. */
  first: number;
  last: number;
}

async function seenContinuations(path: string, tokenize: boolean): Promise<Map<string, Seen>> {
  const { readTableParts, rows } = await import('@sonde/tables');
  const seen = new Map<string, Seen>();
  let at = 0;
  const unread = tokenize ? 'token_ids' : 'text';
  const columns = PAIR_COLUMNS.filter((name) => name !== unread);
  for await (const table of readTableParts(path, { columns: [], optional: columns })) {
    for (const { prompt_id, sample, token_ids, text } of rows(table)) {
      const id = String(prompt_id);
      const known = seen.get(id) ?? { count: 0, content: createHash('sha256'), first: at, last: at };
      const read = tokenize ? plain(text) : Array.from((token_ids ?? []) as ArrayLike<number>);
      known.content.update(`${JSON.stringify([plain(sample), read])}\n`);
      known.count++;
      known.last = ++at;
      seen.set(id, known);
    }
  }
  return seen;
}

/**
 * Divides prompts together with their continuations, and where a prompt has more of these than a shard holds, these in
 * the order of their samples.
 */
export async function dividePairs(config: {
  readonly prompts: InputArtifact;
  readonly continuations?: InputArtifact;
  readonly tokenize?: boolean;
}): Promise<Shard<RowRange>[]> {
  const prompts = await promptRows(config.prompts);
  const seen = config.continuations && (await seenContinuations(config.continuations.path, config.tokenize === true));
  const ids = prompts.map(([id]) => id);
  const of = ids.map((id) => seen?.get(id));
  const contents = of.map((each) => each?.content.copy().digest('hex') ?? null);
  return cut(ids, (row) => Math.max(1, of[row]?.count ?? 0)).flatMap(({ start, end, sequences }) => {
    const found = of.slice(start, end).filter((each) => each !== undefined);
    const continuations: [number, number] = [
      Math.min(...found.map(({ first }) => first)),
      Math.max(...found.map(({ last }) => last)),
    ];
    const identity = {
      rows: digestOf(prompts.slice(start, end)),
      continuations: digestOf(contents.slice(start, end)),
    };
    const range = { start, end, ...(found.length > 0 && { continuations }) };
    if (sequences <= SHARD_SEQUENCES) return [{ identity, range, weight: sequences }];
    return Array.from({ length: Math.ceil(sequences / SHARD_SEQUENCES) }, (_, i) => {
      const samples = [i * SHARD_SEQUENCES, Math.min(sequences, (i + 1) * SHARD_SEQUENCES)] as const;
      return { identity: { ...identity, samples }, range: { ...range, samples }, weight: samples[1] - samples[0] };
    });
  });
}
