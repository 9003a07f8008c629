import { groupBy } from '@sonde/base';

/** A probe's score in each fold: null where it is undefined. */
export type FoldScores = readonly (number | null)[];

/** The mean over the folds that have a score, and their range; null where none has. */
export function overFolds(
  scores: FoldScores,
): { readonly mean: number; readonly low: number; readonly high: number } | null {
  const known = scores.filter((score) => score !== null);
  if (known.length === 0) return null;
  const mean = known.reduce((sum, score) => sum + score, 0) / known.length;
  return { mean, low: Math.min(...known), high: Math.max(...known) };
}

/** Layer → mean probe score over folds, for the layers that have one. */
export type LayerCurve = ReadonlyMap<number, number>;

/** The mean over folds of each layer's scores. */
export function layerCurve(scores: readonly { readonly layer: number; readonly score: number | null }[]): LayerCurve {
  const curve = new Map<number, number>();
  for (const [layer, folds] of groupBy(scores, (each) => each.layer)) {
    const over = overFolds(folds.map(({ score }) => score));
    if (over !== null) curve.set(layer, over.mean);
  }
  return curve;
}

/**
 * The score at a share of the depth: 0 is the first layer, 1 the last that has a score; between layers by linear
 * interpolation. Undefined where a layer beside the place has no score.
 */
export function scoreAtDepth(curve: LayerCurve, depth: number): number | undefined {
  const position = depth * Math.max(...curve.keys());
  const below = curve.get(Math.floor(position));
  const above = curve.get(Math.ceil(position));
  if (below === undefined || above === undefined) return undefined;
  return below + (above - below) * (position - Math.floor(position));
}

/** Shares of depth from 0 to 1, evenly spaced. */
export function depthPoints(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i / (count - 1));
}
