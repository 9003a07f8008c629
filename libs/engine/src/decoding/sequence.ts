import { type HeadRequest, TRIES } from '@sonde/networks';
import type { Engine, RunRequest, RunResult } from '../engine.ts';
import type { Decoding } from '../options.ts';
import type { TokenizedPrompt } from '../prompts.ts';
import { NonFiniteStates } from '../states.ts';
import { type Bans, bannedNext } from './banned.ts';
import { fillUniforms } from './uniforms.ts';

/** A continuation in the making. */
export interface Sequence {
  readonly prompt: TokenizedPrompt;
  readonly sample: number;
  /** Its row among all continuations. */
  readonly row: number;
  readonly key: readonly [number, number];
  readonly tokens: number[];
  logprob: number;
  finish: 'eos' | 'length' | null;
  /** How many of its tokens the model has read. */
  fed: number;
}

export interface DrawRow {
  readonly sequence: Sequence;
  /** Index of the token of the run after which the sequence goes on. */
  readonly token: number;
}

/** The tokens that each row's sequence has, the prompt's among them, repeated to fill. */
export function seenTokens(rows: readonly DrawRow[]): { width: number; data: BigInt64Array } {
  const lists = rows.map(({ sequence }) => [...sequence.prompt.ids, ...sequence.tokens]);
  const width = Math.max(...lists.map((list) => list.length));
  const data = new BigInt64Array(rows.length * width);
  lists.forEach((list, row) => {
    for (let i = 0; i < width; i++) data[row * width + i] = BigInt(list[i] ?? list[0]!);
  });
  return { width, data };
}

/** What each row's sequence cannot say next, filled up with its first token, or with one to which nothing is done. */
function bannedTokens(rows: readonly DrawRow[], bans: Bans): NonNullable<HeadRequest['banned']> {
  const lists = rows.map(({ sequence }) => bannedNext(bans, sequence));
  const width = Math.max(1, ...lists.map((list) => list.length));
  const data = new BigInt64Array(rows.length * width);
  const added = new Float32Array(rows.length * width);
  lists.forEach((list, row) => {
    if (list.length === 0) return;
    for (let i = 0; i < width; i++) data[row * width + i] = BigInt(list[i] ?? list[0]!);
    added.fill(Number.NEGATIVE_INFINITY, row * width, (row + 1) * width);
  });
  return { width, data, added };
}

/**
 * What decides the next token of each row.
 * @param rounds how many rounds of numbers, from `round` on, the graph may use
 */
export function headRequest(rows: readonly DrawRow[], decoding: Decoding, round: number, rounds = 1): HeadRequest {
  const { sample, temperature, topK, topP, penalty, bans } = decoding;
  const head = { rows: Int32Array.from(rows, (row) => row.token), sample, temperature, topK, topP, penalty };
  const seen = {
    ...(penalty === 1 ? {} : { seen: seenTokens(rows) }),
    ...(bans ? { banned: bannedTokens(rows, bans) } : {}),
  };
  if (!sample) return { ...head, ...seen, temperature: 1, topK: 0 };
  const uniforms = new Float32Array(rows.length * TRIES * rounds);
  rows.forEach(({ sequence }, row) => {
    writeUniforms(uniforms, row * TRIES * rounds, sequence, sequence.tokens.length, round, rounds);
  });
  return { ...head, ...seen, uniforms };
}

/** The numbers by which one token of a sequence is drawn, round by round. */
export function writeUniforms(
  out: Float32Array,
  offset: number,
  { sample, key }: Sequence,
  token: number,
  round: number,
  rounds: number,
): void {
  for (let i = 0; i < rounds; i++)
    fillUniforms(out, offset + i * TRIES, TRIES, key, { sample, token, round: round + i });
}

/** Gives a sequence its next token, which may end it. */
export function append(
  sequence: Sequence,
  token: number,
  logprob: number,
  decoding: Decoding,
  eos: readonly number[],
): void {
  if (!Number.isFinite(logprob)) throw new NonFiniteStates('A log-probability is not finite.');
  sequence.tokens.push(token);
  sequence.logprob += logprob;
  if (eos.includes(token)) sequence.finish = 'eos';
  else if (sequence.tokens.length === decoding.maxNewTokens) sequence.finish = 'length';
}

/** Runs the model and gives each row's sequence its next token. Rows left undecided are run again with new numbers. */
export async function advance(
  engine: Engine,
  request: RunRequest,
  rows: readonly DrawRow[],
  decoding: Decoding,
  eos: readonly number[],
): Promise<RunResult> {
  if (rows.length === 0) return engine.run(request);
  const first = await engine.run({ ...request, head: headRequest(rows, decoding, 0) });
  let [result, current] = [first, rows];
  for (let round = 1; ; round++) {
    const pending = new Set(result.pending);
    current.forEach(({ sequence }, row) => {
      if (!pending.has(row)) append(sequence, result.tokens[row]!, result.logprobs[row]!, decoding, eos);
    });
    if (pending.size === 0) return first;
    current = current.filter((_, row) => pending.has(row));
    const { pool: _pool, maximum: _maximum, reuse: _reuse, ...again } = request;
    result = await engine.run({ ...again, head: headRequest(current, decoding, round) });
  }
}
