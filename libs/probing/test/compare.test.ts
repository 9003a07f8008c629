import { quantile } from '@sonde/numerics';
import { expect, it } from 'vitest';
import {
  combineSamples,
  type HeldOutPredictions,
  type ProbeSample,
  probeIntervals,
  sampleProbes,
} from '../src/index.ts';

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

function intervalOf({ score, resampled }: ProbeSample) {
  const sorted = resampled.slice().sort();
  return { estimate: score.value!, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

/** How much better the second predicts than the first. */
function difference(a: HeldOutPredictions, b: HeldOutPredictions) {
  const { groups, samples } = sampleProbes([a, b], resamples);
  const sample = combineSamples([
    { sample: samples[1]!, weight: 1 },
    { sample: samples[0]!, weight: -1 },
  ]);
  return { groups: groups.length, sample, ...intervalOf(sample) };
}

it('is the difference of the two scores, with an interval around it', async () => {
  const [a, b] = [held(1), held(0.2)];
  const { groups, estimate, low, high } = difference(a, b);
  const scoreOf = async (one: HeldOutPredictions) => (await probeIntervals([one], resamples))[0]!.foldMean.estimate!;
  expect(groups).toBe(GROUPS);
  expect(estimate).toBeCloseTo((await scoreOf(b)) - (await scoreOf(a)), 12);
  expect(low).toBeGreaterThan(0);
  expect(high).toBeGreaterThan(low);
});

it('is nothing, without any width, between a probe and itself', () => {
  const { sample, ...found } = difference(held(1), held(1));
  expect(found).toMatchObject({ estimate: 0, low: 0, high: 0 });
  expect(sample.contributions.every((value) => value === 0)).toBe(true);
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
  const { groups, estimate } = difference(whole, part);
  expect(groups).toBe(30);
  expect(estimate).toBeCloseTo(0, 12);
});

it('resamples no fewer than ten groups', () => {
  const few = (one: HeldOutPredictions): HeldOutPredictions => ({
    target: one.target.subarray(0, 16),
    predicted: one.predicted.subarray(0, 16),
    groups: one.groups.slice(0, 16),
    folds: one.folds.subarray(0, 16).map(() => 0),
  });
  const { groups, samples } = sampleProbes([few(held(1)), few(held(0.2))], resamples);
  expect(groups).toHaveLength(8);
  for (const { score, resampled } of samples) {
    expect(score.value).not.toBeNull();
    expect(resampled).toHaveLength(0);
  }
});

it('says what each group adds: what the score loses without it, and the score on average', async () => {
  const whole = held(1);
  const { groups, samples } = sampleProbes([whole], resamples);
  const [{ score, contributions }] = samples as [(typeof samples)[0]];
  const rests = groups.map((left) => {
    const rows = [...whole.groups.keys()].filter((row) => whole.groups[row] !== left);
    return {
      target: Float64Array.from(rows, (row) => whole.target[row]!),
      predicted: Float64Array.from(rows, (row) => whole.predicted[row]!),
      groups: rows.map((row) => whole.groups[row]!),
      folds: Int32Array.from(rows, (row) => whole.folds[row]!),
    };
  });
  const without = (await probeIntervals(rests, resamples)).map(({ foldMean }) => foldMean.estimate!);
  for (const [i, own] of contributions.entries()) {
    expect(own - contributions[0]!).toBeCloseTo((GROUPS - 1) * (without[0]! - without[i]!), 9);
  }
  expect(contributions.reduce((sum, own) => sum + own / GROUPS, 0)).toBeCloseTo(score.value!, 12);
});

it('counts a group once that several seeds held out', () => {
  const [one, other] = [held(1), held(0.8)];
  const seeds: HeldOutPredictions = {
    target: Float64Array.of(...one.target, ...other.target),
    predicted: Float64Array.of(...one.predicted, ...other.predicted),
    groups: [...one.groups, ...other.groups],
    folds: Int32Array.of(...one.folds, ...other.folds.map((fold) => FOLDS + fold)),
  };
  const { groups, samples } = sampleProbes([seeds, one, other], resamples);
  const [both, first, second] = samples.map((sample) => intervalOf(sample));
  expect(groups).toHaveLength(GROUPS);
  expect(both!.estimate).toBeCloseTo((first!.estimate + second!.estimate) / 2, 12);
  // Another seed on the same prompts says little more about other prompts.
  expect(both!.high - both!.low).toBeGreaterThan(0.8 * (second!.high - second!.low));
});
