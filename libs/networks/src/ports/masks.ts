import type { GraphBuilder, Value } from '@sonde/onnx';
import { mostSharing, type TrunkSizes } from '../sizes.ts';
import { type Feeds, floats } from './feeds.ts';

/**
 * What new tokens may look at: 0 where they may, −∞ where not. Each array has shape [prompts or 1, queries, keys]:
 * queries are the G · T ones of a key–value head, as many as any has, or 1 where all see the same; keys are the P + S + T ones of the
 * prompt's cache, the sequence's own, and the new tokens.
 */
export interface Mask {
  readonly dims: readonly [number, number];
  readonly full: Float32Array;
  /** The same in layers with a sliding window; null where no layer has one. */
  readonly sliding: Float32Array | null;
}

const HIDDEN = Number.NEGATIVE_INFINITY;

/** The masks of a run as its attention adds them to scores; broadcast to [B, H, K, G·T, P + S + T]. */
export interface MaskInputs {
  readonly mask: Value;
  /** The same in layers with a sliding window; null where no layer has one. */
  readonly slidingMask: Value | null;
}

export function maskInputs(graph: GraphBuilder, { window }: TrunkSizes): MaskInputs {
  const dims = ['mB', 1, 1, 'mT', 'P+S+T'];
  return {
    mask: graph.input('attention_mask', 'float32', dims),
    slidingMask: window === null ? null : graph.input('sliding_mask', 'float32', dims),
  };
}

/** @param keys P + S + T */
export function maskFeeds({ dims, full, sliding }: Mask, keys: number): Feeds {
  const shape = [dims[0], 1, 1, dims[1], keys];
  return { attention_mask: floats(full, shape), ...(sliding ? { sliding_mask: floats(sliding, shape) } : {}) };
}

/** Sequences without a cache, padded at the end to `tokens`, each token of which sees all of its sequence. */
export function fullMask(sizes: TrunkSizes, lengths: readonly number[], tokens: number): Mask {
  const { window } = sizes;
  if (window === null || window >= tokens) {
    const full = new Float32Array(lengths.length * tokens);
    lengths.forEach((length, row) => {
      full.fill(HIDDEN, row * tokens + length, (row + 1) * tokens);
    });
    return { dims: [lengths.length, 1], full, sliding: window === null ? null : full };
  }
  const queries = mostSharing(sizes) * tokens;
  const build = (seen: number): Float32Array => {
    const data = new Float32Array(lengths.length * queries * tokens).fill(HIDDEN);
    lengths.forEach((length, row) => {
      for (let query = 0; query < queries; query++) {
        const [start, t] = [(row * queries + query) * tokens, query % tokens];
        // What pads a sequence sees all of it: a row that sees nothing would not be finite.
        const [from, to] = t < length ? [Math.max(0, t - seen + 1), Math.min(length, t + seen)] : [0, length];
        data.fill(0, start + from, start + to);
      }
    });
    return data;
  };
  return { dims: [lengths.length, queries], full: build(tokens), sliding: build(window) };
}

/** T tokens without a cache, each of which sees itself and those before it. */
export function causalMask(sizes: TrunkSizes, tokens: number): Mask {
  const { window } = sizes;
  const groups = mostSharing(sizes);
  const build = (seen: number): Float32Array => {
    const data = new Float32Array(groups * tokens * tokens);
    for (let g = 0; g < groups; g++) {
      for (let t = 0; t < tokens; t++) {
        const row = (g * tokens + t) * tokens;
        data.fill(HIDDEN, row + t + 1, row + tokens);
        if (t >= seen) data.fill(HIDDEN, row, row + t + 1 - seen);
      }
    }
    return data;
  };
  const full = build(tokens);
  const sliding = window === null ? null : window >= tokens ? full : build(window);
  return { dims: [1, groups * tokens], full, sliding };
}

/**
 * T tokens a sequence behind its prompt, each of which sees itself, those before it, and the prompt.
 * @param promptLengths of each prompt, in a cache of `promptCache` slots
 */
export function branchMask(
  sizes: TrunkSizes,
  promptLengths: readonly number[],
  promptCache: number,
  tokens: number,
): Mask {
  const { window } = sizes;
  const queries = mostSharing(sizes) * tokens;
  const width = promptCache + tokens;
  const build = (seen: number): Float32Array => {
    const data = new Float32Array(promptLengths.length * queries * width).fill(HIDDEN);
    promptLengths.forEach((length, b) => {
      for (let query = 0; query < queries; query++) {
        const [row, t] = [(b * queries + query) * width, query % tokens];
        const own = row + promptCache;
        data.fill(0, row + Math.max(0, Math.min(length, length + t + 1 - seen)), row + length);
        data.fill(0, own + Math.max(0, t + 1 - seen), own + t + 1);
      }
    });
    return data;
  };
  const full = build(Number.POSITIVE_INFINITY);
  return { dims: [promptLengths.length, queries], full, sliding: window === null ? null : build(window) };
}

/**
 * One new token a sequence, after a prompt and some tokens of its own.
 * @param promptLengths of each prompt, in a cache of `promptCache` slots
 * @param filled how many of the sequences' own `rowCache` slots are in use; the same for all
 */
export function stepMask(
  { window }: TrunkSizes,
  promptLengths: readonly number[],
  promptCache: number,
  filled: number,
  rowCache: number,
): Mask {
  const width = promptCache + rowCache + 1;
  const full = new Float32Array(promptLengths.length * width);
  promptLengths.forEach((length, b) => {
    full.fill(HIDDEN, b * width + length, b * width + promptCache);
    full.fill(HIDDEN, b * width + promptCache + filled, b * width + promptCache + rowCache);
  });
  const dims = [promptLengths.length, 1] as const;
  if (window === null) return { dims, full, sliding: null };
  const sliding = full.slice();
  promptLengths.forEach((length, b) => {
    // The new token is at position length + filled and sees the window − 1 tokens before it.
    const unseen = length + filled + 1 - window;
    const own = b * width + promptCache;
    if (unseen > 0) sliding.fill(HIDDEN, b * width, b * width + Math.min(unseen, length));
    if (unseen > length) sliding.fill(HIDDEN, own, own + unseen - length);
  });
  return { dims, full, sliding };
}

/**
 * The masks of all steps of a loop, [steps, prompts, promptCache + 1 + steps]: of step t the first
 * promptCache + 2 + t keys count, which are the prompt's cache, a hidden slot, and the sequence's own tokens.
 */
export function loopMasks(
  sizes: TrunkSizes,
  promptLengths: readonly number[],
  promptCache: number,
  steps: number,
): { readonly full: Float32Array; readonly sliding: Float32Array | null } {
  const width = promptCache + 1 + steps;
  const empty = (): Float32Array => new Float32Array(steps * promptLengths.length * width).fill(HIDDEN);
  const [full, sliding] = [empty(), sizes.window === null ? null : empty()];
  for (let step = 0; step < steps; step++) {
    const mask = stepMask(sizes, promptLengths, promptCache, step, step);
    const ofStep = promptCache + step + 1;
    const place = (to: Float32Array, from: Float32Array): void => {
      promptLengths.forEach((_, b) => {
        const start = (step * promptLengths.length + b) * width;
        to.set(from.subarray(b * ofStep, b * ofStep + promptCache), start);
        to.set(from.subarray(b * ofStep + promptCache, (b + 1) * ofStep), start + promptCache + 1);
      });
    };
    place(full, mask.full);
    if (sliding) place(sliding, mask.sliding!);
  }
  return { full, sliding };
}
