import type { GraphBuilder, Value } from '@sonde/onnx';
import { cachedSize, headForms, type TrunkSizes } from '../sizes.ts';
import { type Feeds, int64s } from './feeds.ts';

/**
 * The shape of a run: B prompts, K sequences of each, T new tokens a sequence, P and S slots in the caches of the prompts
 * and of the sequences; both may be 0.
 */
export interface RunShape {
  readonly B: number;
  readonly K: number;
  readonly T: number;
  readonly P: number;
  readonly S: number;
  /** For each form of heads H key–value heads with G query heads each, D numbers a head. */
  readonly heads: readonly { readonly H: number; readonly G: number; readonly D: number }[];
}

/** @param counts those that are not 0 */
export function runShape(
  sizes: TrunkSizes,
  counts: Pick<RunShape, 'B' | 'K' | 'T'> & Partial<Pick<RunShape, 'P' | 'S'>>,
): RunShape {
  const heads = headForms(sizes).map((form) => {
    const { keyValueHeads: H } = form;
    return { H, G: sizes.heads / H, D: cachedSize(form) };
  });
  return { P: 0, S: 0, ...counts, heads };
}

/** How the values of new tokens are shaped for attention, and back. */
export interface TokenShapes {
  /** [B · K, T, −1] */
  readonly rowShape: Value;
  /** Of each form of heads. */
  readonly heads: readonly HeadShapes[];
}

export interface HeadShapes {
  /** [B, K, T, H, G, D] */
  readonly splitQuery: Value;
  /** [B, K, T, H, D] */
  readonly splitKey: Value;
  /** [B, H, K, G·T, D] */
  readonly queryForRow: Value;
  /** [B, H, K, G, T, D] */
  readonly splitAttended: Value;
}

/** The names of what is there for each form of heads end in its number, but for the first. */
export function ofForm(name: string, form: number): string {
  return form === 0 ? name : `${name}.${form}`;
}

export function tokenShapeInputs(graph: GraphBuilder, sizes: TrunkSizes, prefix = ''): TokenShapes {
  const int64 = (name: string, length: number): Value => graph.input(`${prefix}${name}`, 'int64', [length]);
  return {
    rowShape: int64('row_shape', 3),
    heads: headForms(sizes).map((_, form) => ({
      splitQuery: int64(ofForm('split_query', form), 6),
      splitKey: int64(ofForm('split_key', form), 5),
      queryForRow: int64(ofForm('query_for_row', form), 5),
      splitAttended: int64(ofForm('split_attended', form), 6),
    })),
  };
}

export function tokenShapeFeeds({ B, K, T, heads }: RunShape): Feeds {
  const each = heads.flatMap(({ H, G, D }, form) => [
    [ofForm('split_query', form), int64s([B, K, T, H, G, D])],
    [ofForm('split_key', form), int64s([B, K, T, H, D])],
    [ofForm('query_for_row', form), int64s([B, H, K, G * T, D])],
    [ofForm('split_attended', form), int64s([B, H, K, G, T, D])],
  ]);
  return { row_shape: int64s([B * K, T, -1]), ...Object.fromEntries(each) };
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

/** @returns those of each form of heads */
export function cacheShapeInputs(graph: GraphBuilder, sizes: TrunkSizes, prefix = ''): CacheShapes[] {
  const int64 = (name: string, length: number): Value => graph.input(`${prefix}${name}`, 'int64', [length]);
  return headForms(sizes).map((_, form) => ({
    queryForPrompt: int64(ofForm('query_for_prompt', form), 4),
    promptScores: int64(ofForm('prompt_scores', form), 5),
    promptWeights: int64(ofForm('prompt_weights', form), 4),
  }));
}

export function cacheShapeFeeds({ B, K, T, P, heads }: RunShape): Feeds {
  const each = heads.flatMap(({ H, G, D }, form) => [
    [ofForm('query_for_prompt', form), int64s([B, H, K * G * T, D])],
    [ofForm('prompt_scores', form), int64s([B, H, K, G * T, P])],
    [ofForm('prompt_weights', form), int64s([B, H, K * G * T, P])],
  ]);
  return Object.fromEntries(each);
}
