import type { GraphBuilder, Value } from '@sonde/onnx';
import { cachedSize, type TrunkSizes } from '../sizes.ts';
import { type Feeds, int64s } from './feeds.ts';

/**
 * The shape of a run: B prompts, K sequences of each, T new tokens a sequence, H key–value heads with G query heads
 * each, D numbers a head, P and S slots in the caches of the prompts and of the sequences; both may be 0.
 */
export interface RunShape {
  readonly B: number;
  readonly K: number;
  readonly T: number;
  readonly H: number;
  readonly G: number;
  readonly D: number;
  readonly P: number;
  readonly S: number;
}

/** @param counts those that are not 0 */
export function runShape(sizes: TrunkSizes, counts: Pick<RunShape, 'B' | 'K' | 'T'> & Partial<RunShape>): RunShape {
  const { heads, keyValueHeads: H } = sizes;
  return { H, G: heads / H, D: cachedSize(sizes), P: 0, S: 0, ...counts };
}

/** How the values of new tokens are shaped for attention, and back. */
export interface TokenShapes {
  /** [B · K, T, −1] */
  readonly rowShape: Value;
  /** [B, K, T, H, G, D] */
  readonly splitQuery: Value;
  /** [B, K, T, H, D] */
  readonly splitKey: Value;
  /** [B, H, K, G·T, D] */
  readonly queryForRow: Value;
  /** [B, H, K, G, T, D] */
  readonly splitAttended: Value;
}

export function tokenShapeInputs(graph: GraphBuilder, prefix = ''): TokenShapes {
  const int64 = (name: string, length: number): Value => graph.input(`${prefix}${name}`, 'int64', [length]);
  return {
    rowShape: int64('row_shape', 3),
    splitQuery: int64('split_query', 6),
    splitKey: int64('split_key', 5),
    queryForRow: int64('query_for_row', 5),
    splitAttended: int64('split_attended', 6),
  };
}

export function tokenShapeFeeds({ B, K, T, H, G, D }: RunShape): Feeds {
  return {
    row_shape: int64s([B * K, T, -1]),
    split_query: int64s([B, K, T, H, G, D]),
    split_key: int64s([B, K, T, H, D]),
    query_for_row: int64s([B, H, K, G * T, D]),
    split_attended: int64s([B, H, K, G, T, D]),
  };
}

/** How queries and scores are shaped to look at the prompts' cache, which is kept once for K sequences. */
export interface CacheShapes {
  /** [B, H, K·G·T, D] */
  readonly queryForPrompt: Value;
  /** [B, H, K, G·T, P] */
  readonly promptScores: Value;
  /** [B, H, K·G·T, P] */
  readonly promptWeights: Value;
}

export function cacheShapeInputs(graph: GraphBuilder, prefix = ''): CacheShapes {
  const int64 = (name: string, length: number): Value => graph.input(`${prefix}${name}`, 'int64', [length]);
  return {
    queryForPrompt: int64('query_for_prompt', 4),
    promptScores: int64('prompt_scores', 5),
    promptWeights: int64('prompt_weights', 4),
  };
}

export function cacheShapeFeeds({ B, K, T, H, G, D, P }: RunShape): Feeds {
  return {
    query_for_prompt: int64s([B, H, K * G * T, D]),
    prompt_scores: int64s([B, H, K, G * T, P]),
    prompt_weights: int64s([B, H, K * G * T, P]),
  };
}
