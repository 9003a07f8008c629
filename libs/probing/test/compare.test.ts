import { expect, it } from 'vitest';
import { compareProbes, type HeldOutPredictions, probeIntervals } from '../src/index.ts';

const GROUPS = 40;
const FOLDS = 4;

/** Two rows a prompt, predicted with an error of some size. */
function held(error: number): HeldOutPredictions {
  const rows = Array.from({ length: 2 * GROUPS }, (_, row) => row);
  const target = Float64Array.from(rows, (row) => Math.sin(row * 1.7));
  return {
    target,
    predicted: target.map((value, row) => value + error * Math.sin(row * row + 0.3)),
    groups: rows.map((row) => `prompt ${row >> 1}`),
    folds: Int32Array.from(rows, (row) => (row >> 1) % FOLDS),
  };
}

function resamples(groups: number) {
  const count = 200;
  const indices = Uint32Array.from(
    { length: count * groups },
    (_, i) => ((i * 2_654_435_761) % 4_294_967_291) % groups,
  );
  return { count, indices };
}

it('is the difference of the two scores, with an interval around it', () => {
  const [a, b] = [held(1), held(0.2)];
  const { groups, difference } = compareProbes(a, b, resamples);
  const scoreOf = (one: HeldOutPredictions) => probeIntervals(one, resamples).foldMean.estimate!;
  expect(groups).toBe(GROUPS);
  expect(difference.estimate).toBeCloseTo(scoreOf(b) - scoreOf(a), 12);
  expect(difference.low).toBeGreaterThan(0);
  expect(difference.high).toBeGreaterThan(difference.low!);
});

it('is nothing, without any width, between a probe and itself', () => {
  const { difference } = compareProbes(held(1), held(1), resamples);
  expect(difference).toMatchObject({ estimate: 0, low: 0, high: 0 });
});

it('is over the groups that both have', () => {
  const whole = held(1);
  const rows = 2 * 30;
  const part = {
    target: whole.target.subarray(0, rows),
    predicted: whole.predicted.subarray(0, rows),
    groups: whole.groups.slice(0, rows),
    folds: whole.folds.subarray(0, rows),
  };
  const { groups, difference } = compareProbes(whole, part, resamples);
  expect(groups).toBe(30);
  expect(difference.estimate).toBeCloseTo(0, 12);
});

it('has no interval of fewer than ten groups', () => {
  const few = (one: HeldOutPredictions): HeldOutPredictions => ({
    target: one.target.subarray(0, 16),
    predicted: one.predicted.subarray(0, 16),
    groups: one.groups.slice(0, 16),
    folds: one.folds.subarray(0, 16).map(() => 0),
  });
  expect(compareProbes(few(held(1)), few(held(0.2)), resamples).difference).toMatchObject({
    low: null,
    reason: 'too_few_groups',
  });
});
