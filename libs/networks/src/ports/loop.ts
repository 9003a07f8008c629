import type { GraphBuilder, Value } from '@sonde/onnx';
import type { Features } from '../sites.ts';
import { cachedSize, headForms, type TrunkSizes } from '../sizes.ts';
import { bool, type Feeds, floats, int32s, int64s, withPrefix } from './feeds.ts';
import { loopMasks } from './masks.ts';
import {
  type CacheShapes,
  cacheShapeFeeds,
  cacheShapeInputs,
  ofForm,
  runShape,
  type TokenShapes,
  tokenShapeFeeds,
  tokenShapeInputs,
} from './shapes.ts';

/** Rounds of numbers that a draw may use inside the loop; what they do not decide is drawn anew outside of it. */
export const LOOP_ROUNDS = 4;

/** The steps of decoding behind a run over prompts. */
export interface LoopSteps {
  /** Sequences of each prompt, K. */
  readonly samples: number;
  readonly promptLengths: readonly number[];
  /** Tokens of a sequence that are read at most, and after how many of them another one is drawn. */
  readonly steps: number;
  readonly draws: number;
  readonly eos: readonly number[];
  /** [steps, B · K, TRIES · rounds]; only read when sampling. */
  readonly uniforms?: Float32Array;
  /** [B · K, any] tokens of the prompts; needed with a penalty. */
  readonly seen?: { readonly width: number; readonly data: BigInt64Array };
  /** Sums over the tokens read, or the newest token's state. */
  readonly pools: readonly ('continuation' | 'last')[];
  readonly maximum: boolean;
}

/** What the loop takes from outside and does not change; all names begin with `loop.`. */
export interface LoopInputs {
  readonly shapes: TokenShapes;
  readonly cacheShapes: readonly CacheShapes[];
  /** Tokens that are read at most. */
  readonly steps: Value;
  /** After how many of them another one is drawn. */
  readonly draws: Value;
  /** Whether a sequence's last token is read too. */
  readonly readLast: Value;
  /** Each sequence's first own position. */
  readonly start: Value;
  readonly promptLength: Value;
  /** The shape of the prompts' caches, for each form of heads. */
  readonly promptCache: readonly Value[];
  /** The caches at the beginning, for each form: one hidden slot, for a product over nothing is not for every provider. */
  readonly past: readonly Value[];
  readonly mask: Value;
  readonly slidingMask: Value | null;
  readonly uniforms: Value;
  readonly eos: Value;
  readonly reading: Value;
  /** 1 for the first row alone. */
  readonly first: Value;
  readonly seen: Value;
  /** [1, Q, 1] ones, and ones where a pool is of the newest token alone. */
  readonly pools: Value;
  readonly newest: Value;
  readonly sums: Value;
  /** null in a graph that keeps no maxima */
  readonly maximum: Value | null;
}

/** The outputs. `token`, `logprob`: [steps, rows]; `undecided`: [rows]; sums and maxima as of a run. */
export const LOOP_OUT = {
  token: 'loop.token',
  logprob: 'loop.logprob',
  undecided: 'loop.undecided',
  sums: 'loop.pool_out',
  maxima: 'loop.maximum_out',
} as const;

/** @param width numbers of a token's pooled states */
export function loopInputs(graph: GraphBuilder, sizes: TrunkSizes, features: Features, width: number): LoopInputs {
  const { window } = sizes;
  const forms = headForms(sizes);
  const input = (name: string, type: 'float32' | 'int64' | 'int32' | 'bool', dims: readonly (string | number)[]) =>
    graph.input(`loop.${name}`, type, dims);
  const maskShape = ['loop.steps', 'loop.B', 1, 1, 1, 'loop.keys'];
  return {
    shapes: tokenShapeInputs(graph, sizes, 'loop.'),
    cacheShapes: cacheShapeInputs(graph, sizes, 'loop.'),
    steps: input('steps', 'int64', []),
    draws: input('draws', 'int64', []),
    readLast: input('read_last', 'bool', []),
    start: input('start', 'int64', ['loop.rows', 1]),
    promptLength: input('prompt_length', 'int64', [1]),
    promptCache: forms.map((_, form) => input(ofForm('prompt_cache', form), 'int64', [4])),
    past: forms.map((own, form) =>
      input(ofForm('past', form), 'float32', ['loop.B', own.keyValueHeads, 'loop.K', 1, cachedSize(own)]),
    ),
    mask: input('attention_mask', 'float32', maskShape),
    slidingMask: window === null ? null : input('sliding_mask', 'float32', maskShape),
    uniforms: input('uniforms', 'float32', ['loop.steps', 'loop.rows', 'loop.tries']),
    eos: input('eos', 'int32', [1, 'loop.E']),
    reading: input('reading', 'float32', ['loop.rows']),
    first: input('first', 'float32', ['loop.rows']),
    seen: input('seen', 'int64', ['loop.rows', 'loop.W']),
    pools: input('pools', 'float32', [1, 'loop.Q', 1]),
    newest: input('newest', 'float32', [1, 'loop.Q', 1]),
    sums: input('pool_in', 'float32', ['loop.rows', 'loop.Q', width]),
    maximum: features.maximum ? input('maximum_in', 'float32', ['loop.rows', width]) : null,
  };
}

/** No step. */
const IDLE: LoopSteps = { samples: 0, promptLengths: [], steps: 0, draws: 0, eos: [], pools: [], maximum: false };

/**
 * Without steps the loop is fed nothing, and does none.
 * @param promptTokens tokens of the prompts, padding included
 */
export function loopFeeds(
  sizes: TrunkSizes,
  features: Features,
  width: number,
  asked: LoopSteps | null,
  promptTokens: number,
): Feeds {
  const { samples: K, promptLengths, steps, draws, eos, pools, maximum, ...given } = asked ?? IDLE;
  const P = asked ? promptTokens : 0;
  const [B, Q] = [promptLengths.length, pools.length];
  const rows = B * K;
  const shape = runShape(sizes, { B, K, T: 1, P });
  const ofForms = shape.heads.flatMap(({ H, D }, form) => [
    [ofForm('prompt_cache', form), int64s([B, H, P, D])],
    [ofForm('past', form), floats(new Float32Array(rows * H * D), [B, H, K, 1, D])],
  ]);
  const masks = loopMasks(sizes, promptLengths, P, steps);
  const maskDims = [steps, B, 1, 1, 1, P + 1 + steps];
  const uniforms = given.uniforms ?? new Float32Array(steps * rows);
  const seen = given.seen ?? { width: 0, data: new BigInt64Array(0) };
  return withPrefix('loop.', {
    ...tokenShapeFeeds(shape),
    ...cacheShapeFeeds(shape),
    steps: int64s([steps], []),
    draws: int64s([draws], []),
    read_last: bool(pools.length > 0 || maximum),
    start: int64s(
      promptLengths.flatMap((length) => new Array<number>(K).fill(length)),
      [rows, 1],
    ),
    prompt_length: int64s([P]),
    ...Object.fromEntries(ofForms),
    attention_mask: floats(masks.full, maskDims),
    ...(masks.sliding ? { sliding_mask: floats(masks.sliding, maskDims) } : {}),
    uniforms: floats(uniforms, [steps, rows, uniforms.length / Math.max(1, steps * rows)]),
    eos: int32s(Int32Array.from(eos.length > 0 ? eos : [-1]), [1, Math.max(1, eos.length)]),
    reading: floats(new Float32Array(rows).fill(1)),
    first: floats(new Float32Array(rows).fill(1, 0, 1)),
    seen: int64s(seen.data, [rows, seen.width]),
    pools: floats(new Float32Array(Q).fill(1), [1, Q, 1]),
    newest: floats(
      Float32Array.from(pools, (pool) => (pool === 'last' ? 1 : 0)),
      [1, Q, 1],
    ),
    pool_in: floats(new Float32Array(rows * Q * width), [rows, Q, width]),
    ...(features.maximum
      ? { maximum_in: floats(new Float32Array(rows * width).fill(Number.NEGATIVE_INFINITY), [rows, width]) }
      : {}),
  });
}
