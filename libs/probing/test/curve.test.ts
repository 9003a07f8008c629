import { describe, expect, test } from 'vitest';
import { depthPoints, layerCurve, overFolds, scoreAtDepth } from '../src/index.ts';

describe('scores over folds', () => {
  test('are the mean and range of the folds that have one', () => {
    expect(overFolds([0.25, null, 0.75])).toEqual({ mean: 0.5, low: 0.25, high: 0.75 });
    expect(overFolds([null, null])).toBeNull();
  });

  test('make a curve over the layers that have any', () => {
    const curve = layerCurve([
      { layer: 0, score: 0.2 },
      { layer: 1, score: null },
      { layer: 0, score: 0.4 },
      { layer: 2, score: null },
      { layer: 2, score: 0.5 },
    ]);
    expect([...curve.keys()]).toEqual([0, 2]);
    expect(curve.get(0)).toBeCloseTo(0.3, 12);
    expect(curve.get(2)).toBe(0.5);
  });
});

describe('a score at a share of the depth', () => {
  const straight = (layers: number) => new Map(Array.from({ length: layers }, (_, l) => [l, l / (layers - 1)]));

  test('is the same for models of any depth whose scores grow alike', () => {
    for (const layers of [2, 3, 7, 33])
      for (const depth of depthPoints(9)) expect(scoreAtDepth(straight(layers), depth)).toBeCloseTo(depth, 12);
  });

  test('is undefined beside a layer without a score, and where there is none at all', () => {
    const gap = new Map([
      [0, 0.1],
      [2, 0.3],
    ]);
    expect(scoreAtDepth(gap, 0)).toBe(0.1);
    expect(scoreAtDepth(gap, 0.25)).toBeUndefined();
    expect(scoreAtDepth(gap, 1)).toBe(0.3);
    expect(scoreAtDepth(new Map(), 0.5)).toBeUndefined();
  });
});
