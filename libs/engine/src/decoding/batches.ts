import { numbersCached } from '@sonde/networks';
import type { Engine } from '../engine.ts';

// What is run together follows from the work and the model's sizes alone, so that results do not depend on the machine.

type Sizes = Pick<Engine, 'sizes' | 'layout'>;

/** Most tokens in one run over whole sequences, padding included; a constant, so that results do not depend on the machine. */
const TOKENS_PER_RUN = 2048;

/** The order in which sequences of these lengths are batched with the least padding: the shortest first. */
export function byLength(lengths: readonly number[]): number[] {
  return [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
}

/** Cuts a list of sequences of given lengths into runs, in order; each has at least one. */
export function runsOf(lengths: readonly number[], limit = TOKENS_PER_RUN): [number, number][] {
  const runs: [number, number][] = [];
  let start = 0;
  let longest = 0;
  lengths.forEach((length, i) => {
    const next = Math.max(longest, length);
    if (i > start && (i - start + 1) * next > limit) {
      runs.push([start, i]);
      start = i;
      longest = length;
    } else longest = next;
  });
  if (start < lengths.length) runs.push([start, lengths.length]);
  return runs;
}

/**
 * As `runsOf`, for sequences in rising order, of which those of one length alone are run together: nothing is padded, so
 * that what a sequence gives is the same to the bit, whatever is read beside it.
 */
export function evenRunsOf(lengths: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (let start = 0; start < lengths.length; ) {
    let end = start + 1;
    while (end < lengths.length && lengths[end] === lengths[start]) end++;
    for (const [from, to] of runsOf(lengths.slice(start, end))) runs.push([start + from, start + to]);
    start = end;
  }
  return runs;
}

/** Most numbers that the states of every token of a run may be. */
const TOKEN_STATES_PER_RUN = 2 ** 26;

/** Most tokens in a run, padding included; fewer where each token's states leave the graph. */
export function tokensPerRun(engine: Engine, everyToken: boolean): number {
  return everyToken ? Math.min(TOKENS_PER_RUN, Math.floor(TOKEN_STATES_PER_RUN / engine.layout.size)) : TOKENS_PER_RUN;
}

/** Most sequences decoded together; more gain nothing. */
const MOST_ROWS = 400;
/** Bytes that the sequences decoded together may take beside the weights. */
const BATCH_BYTES = 1.5 * 2 ** 30;

/** Bytes of memory that decoding takes. */
export interface Cost {
  readonly sequence: number;
  readonly promptToken: number;
}

/** @param pools how many pools over the generated tokens are wanted */
export function costOf({ sizes, layout }: Sizes, newTokens: number, pools: number): Cost {
  const { hiddenSize, vocabSize } = sizes;
  const cache = numbersCached(sizes);
  // Sums go in and come out; of logits, probabilities and what a draw keeps, three are there at once.
  const sequence = cache * newTokens + 2 * pools * layout.size + 3 * vocabSize + 16 * hiddenSize;
  return { sequence: 4 * sequence, promptToken: 4 * cache };
}

/** Prompts [from, to) and samples [first, first + count) that are decoded together. */
export interface Batch {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts prompts of these lengths, in rising order, into batches: as many as the bytes of a batch hold, but never less than
 * one sequence. A prompt whose samples do not fit is alone and takes several.
 */
export function* batchesOf(lengths: readonly number[], samples: number, cost: Cost): Generator<Batch> {
  const roomFor = (prompts: number, longest: number): number => {
    const left = BATCH_BYTES - prompts * longest * cost.promptToken;
    return Math.min(MOST_ROWS, Math.floor(left / cost.sequence));
  };
  for (let from = 0; from < lengths.length; ) {
    let to = from + 1;
    while (to < lengths.length && (to + 1 - from) * samples <= roomFor(to + 1 - from, lengths[to]!)) to++;
    const count = to > from + 1 ? samples : Math.max(1, roomFor(1, lengths[from]!));
    for (let first = 0; first < samples; first += count) {
      yield { from, to, first, count: Math.min(count, samples - first) };
    }
    from = to;
  }
}
