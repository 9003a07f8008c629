import { intervalLevels, quantile, randomStream } from '@sonde/numerics';
import { describe, expect, test } from 'vitest';
import { rankGroups } from '../../src/evaluate/folds.ts';
import { type GroupResamples, groupedFolds, type HeldOutPredictions, probeIntervals } from '../../src/index.ts';
import { noise, one, optionsFor, synthetic } from '../synthetic.ts';

const intervalsOf = async (of: HeldOutPredictions, resamples: GroupResamples) =>
  (await probeIntervals([of], resamples))[0]!;

describe('intervals of a probe', () => {
  const resamples = (groups: number) => {
    const stream = randomStream(0, `probe/${groups}`);
    return { count: 400, indices: Uint32Array.from({ length: 400 * groups }, () => stream.below(groups)) };
  };
  const held = async (prompts: number, values?: Float64Array<ArrayBuffer>) => {
    const data = synthetic({ prompts, rows: 3, d: 5, seed: 41, noise: 1 });
    const folds = groupedFolds(data.groups, 4, 0);
    const given = values ?? data.values;
    const result = await one(optionsFor({ ...data, values: given }, { folds }));
    return {
      result,
      of: { target: given, predicted: result.predictions!, groups: data.groups, folds },
    };
  };
  test('hold the scores that the probe has, and narrow with more prompts', async () => {
    const [few, many] = [await held(40), await held(400)];
    const [wide, narrow] = [await intervalsOf(few.of, resamples), await intervalsOf(many.of, resamples)];
    for (const [{ result }, got] of [
      [few, wide],
      [many, narrow],
    ] as const) {
      expect(got.pooled.estimate).toBeCloseTo(result.pooled.pearson.value!, 9);
      expect(got.foldMean.estimate).toBeCloseTo(result.foldMean.value!, 9);
      expect(got.pooled.low!).toBeLessThan(got.pooled.estimate!);
      expect(got.pooled.high!).toBeGreaterThan(got.pooled.estimate!);
    }
    expect(narrow.pooled.high! - narrow.pooled.low!).toBeLessThan((wide.pooled.high! - wide.pooled.low!) / 2);
    expect(await intervalsOf(few.of, resamples)).toEqual(wide);
  });
  test('hold zero for noise', async () => {
    const random = noise(2, 'unrelated');
    const { of } = await held(100, Float64Array.from({ length: 300 }, random));
    const { low, high } = (await intervalsOf(of, resamples)).foldMean;
    expect(low!).toBeLessThan(0);
    expect(high!).toBeGreaterThan(0);
  });
  test('resample prompts, not rows: repeating every row does not narrow them', async () => {
    const { of } = await held(60);
    const twice = {
      target: Float64Array.of(...of.target, ...of.target),
      predicted: Float64Array.of(...of.predicted, ...of.predicted),
      groups: [...of.groups, ...of.groups],
      folds: Int32Array.of(...of.folds, ...of.folds),
    };
    const [once, doubled] = [(await intervalsOf(of, resamples)).pooled, (await intervalsOf(twice, resamples)).pooled];
    expect(doubled.low).toBeCloseTo(once.low!, 9);
    expect(doubled.high).toBeCloseTo(once.high!, 9);
  });
  test('are null with a reason for few prompts and for a constant', async () => {
    const { of } = await held(8);
    expect((await intervalsOf(of, resamples)).pooled).toMatchObject({ low: null, reason: 'too_few_groups' });
    const constant = await held(40);
    const target = constant.of.target.map(() => 0.25);
    const { pooled, foldMean } = await intervalsOf({ ...constant.of, target }, resamples);
    for (const got of [pooled, foldMean]) expect(got).toMatchObject({ estimate: null, reason: 'constant_target' });
  });

  test('are those of each resample’s rows, whatever else is asked for at once', async () => {
    const { of } = await held(30);
    const target = of.target.map((value, row) => (row % 7 === 0 ? Number.NaN : value));
    const [first, second, third] = await probeIntervals([of, { ...of, target }, of], resamples);
    expect(third).toEqual(first);
    const alone = await intervalsOf({ ...of, target }, resamples);
    for (const side of ['low', 'high'] as const) expect(second!.foldMean[side]).toBeCloseTo(alone.foldMean[side]!, 12);
    // Row by row: each draw's rows are gathered, and correlated anew.
    const names = rankGroups(of.groups, 0);
    const { count, indices } = resamples(names.length);
    const pearson = (rows: readonly number[]) => {
      const mean = (values: Float64Array) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
      const [x, y] = [mean(of.target), mean(of.predicted)];
      const about = (a: Float64Array, b: Float64Array, a0: number, b0: number) =>
        rows.reduce((sum, row) => sum + (a[row]! - a0) * (b[row]! - b0), 0);
      const { target, predicted } = of;
      return (
        about(target, predicted, x, y) / Math.sqrt(about(target, target, x, x) * about(predicted, predicted, y, y))
      );
    };
    const drawn = Float64Array.from({ length: count }, (_, b) =>
      pearson(
        Array.from(indices.subarray(b * names.length, (b + 1) * names.length)).flatMap((unit) =>
          [...of.groups.keys()].filter((row) => of.groups[row] === names[unit]),
        ),
      ),
    ).sort();
    const [below, above] = intervalLevels(0.95, names.length);
    expect(first!.pooled.low).toBeCloseTo(quantile(drawn, below), 12);
    expect(first!.pooled.high).toBeCloseTo(quantile(drawn, above), 12);
  });
});
