import { type Cache, cacheSizes, stepMask } from '@sonde/networks';
import type { Engine, RunRequest } from '../engine.ts';
import type { Plan } from '../interventions.ts';
import type { Decoding } from '../options.ts';
import type { Pool } from '../types.ts';
import { type Grid, packGrid } from './grid.ts';
import { type RowMemory, storeStep } from './row-cache.ts';
import { advance, type Sequence } from './sequence.ts';

/** What decoding is to do beside drawing tokens. */
export interface DecodeSetting {
  readonly plan: Plan;
  readonly eos: readonly number[];
  /** What is wanted of the generated tokens. */
  readonly pools: readonly (Pool | 'tokens')[];
  /**
   * Called once for each sequence and pool, when its last token was read, and for `tokens` after each that was read;
   * `offset` into sums or maxima.
   */
  readonly onStates: (sequence: Sequence, pool: Pool | 'tokens', pooled: Float32Array, offset: number) => void;
  /** Called before each step; may throw to end the work. */
  readonly onStep: () => void;
  readonly memory: RowMemory;
}

/** Pools that are sums, of all tokens or of the newest alone; each has a row of weights. */
const SUMMED: readonly (Pool | 'tokens')[] = ['continuation', 'last', 'tokens'];

function stepRequest(
  engine: Engine,
  grid: Grid,
  setting: DecodeSetting,
  reads: (s: Sequence | null) => boolean,
): RunRequest {
  const { promptLengths, samples, slots, promptCache, rowCache, filled } = grid;
  const positions = new BigInt64Array(slots.length);
  promptLengths.forEach((length, b) => {
    positions.fill(BigInt(length + filled), b * samples, (b + 1) * samples);
  });
  const summed = SUMMED.filter((pool) => setting.pools.includes(pool));
  const weights = new Float32Array(slots.length * summed.length);
  const keep = new Float32Array(slots.length * summed.length);
  const bias = new Float32Array(slots.length);
  slots.forEach((sequence, row) => {
    const read = reads(sequence);
    bias[row] = read ? 0 : Number.NEGATIVE_INFINITY;
    summed.forEach((pool, q) => {
      weights[row * summed.length + q] = read ? 1 : 0;
      keep[row * summed.length + q] = read && pool !== 'continuation' ? 0 : 1;
    });
  });
  return {
    prompts: promptLengths.length,
    samples,
    tokens: 1,
    inputIds: Int32Array.from(slots, (sequence) => (reads(sequence) ? sequence!.tokens.at(-1)! : 0)),
    positions,
    promptCache,
    rowCache,
    mask: stepMask(engine.sizes, promptLengths, promptCache.length, filled, rowCache.length),
    changes: setting.plan.changes(() =>
      slots.map((sequence) =>
        sequence && reads(sequence)
          ? { promptId: sequence.prompt.id, sample: sequence.sample, position: sequence.prompt.ids.length + filled }
          : null,
      ),
    ),
    reuse: true,
    ...(summed.length > 0 ? { pool: { count: summed.length, weights, keep, before: grid.sums } } : {}),
    ...(setting.pools.includes('max') ? { maximum: { bias, before: grid.maxima } } : {}),
  };
}

function startGrid(
  engine: Engine,
  sequences: readonly (readonly Sequence[])[],
  promptCache: Cache,
  pools: number,
  maxima: boolean,
): Grid {
  const slots = sequences.flat();
  const nothing = cacheSizes(engine.sizes).map(() => new Float32Array(0));
  return {
    promptLengths: sequences.map((ofPrompt) => ofPrompt[0]!.prompt.ids.length),
    samples: sequences[0]!.length,
    slots,
    promptCache,
    rowCache: { length: 0, keys: nothing, values: nothing },
    filled: 0,
    sums: new Float32Array(slots.length * pools * engine.layout.size),
    maxima: maxima
      ? new Float32Array(slots.length * engine.layout.size).fill(Number.NEGATIVE_INFINITY)
      : new Float32Array(0),
  };
}

/**
 * Draws tokens for sequences that have their first one, until all have ended; if states are wanted, each sequence's
 * last token is read too.
 * @param sequences of each prompt, as many for each
 */
export async function decode(
  engine: Engine,
  sequences: readonly (readonly Sequence[])[],
  promptCache: Cache,
  decoding: Decoding,
  setting: DecodeSetting,
): Promise<void> {
  const wantsStates = setting.pools.length > 0;
  const sizes = cacheSizes(engine.sizes).map(({ size }) => size);
  const summed = SUMMED.filter((pool) => setting.pools.includes(pool));
  const isLive = (sequence: Sequence): boolean =>
    sequence.finish === null || (wantsStates && sequence.fed < sequence.tokens.length);
  const reads = (sequence: Sequence | null): boolean => sequence !== null && isLive(sequence);
  let grid = startGrid(engine, sequences, promptCache, summed.length, setting.pools.includes('max'));
  grid = packGrid(engine, grid, isLive);
  while (grid.slots.some(reads)) {
    setting.onStep();
    const reading = grid.slots.map(reads);
    const drawing = grid.slots.flatMap((sequence, token) =>
      sequence && sequence.finish === null ? [{ sequence, token }] : [],
    );
    const request = stepRequest(engine, grid, setting, reads);
    const result = await advance(engine, request, drawing, decoding, setting.eos);
    grid = { ...grid, sums: result.pooled, maxima: result.maximum ?? grid.maxima };
    grid.slots.forEach((sequence, row) => {
      if (!sequence || !reading[row]) return;
      sequence.fed++;
      const ended = !isLive(sequence);
      summed.forEach((pool, q) => {
        if (!ended && pool !== 'tokens') return;
        setting.onStates(sequence, pool, grid.sums, (row * summed.length + q) * engine.layout.size);
      });
      if (ended && setting.pools.includes('max')) {
        setting.onStates(sequence, 'max', grid.maxima, row * engine.layout.size);
      }
    });
    const step = { sizes, filled: grid.filled, most: decoding.maxNewTokens };
    const rowCache = storeStep(setting.memory, grid.rowCache, result.present, step);
    grid = packGrid(engine, { ...grid, rowCache, filled: grid.filled + 1 }, isLive);
  }
}
