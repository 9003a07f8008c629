import { SUMMARY, writeRows } from '@sonde/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, SUMMARY_ROW, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

let files = 0;
const summaryOf = async (axes: Record<string, string | number>, value: number, k = 5) => {
  const file = `${folder}/summary-${files++}.parquet`;
  const row = { ...SUMMARY_ROW, low: null, high: null, k };
  await writeRows(file, SUMMARY, [
    { ...row, value },
    { ...row, group: 'high', value: 0.99 },
  ]);
  return artifact('table', file, axes);
};

const VALUES = { int8: [0.1, 0.2, 0.3], nf4: [0.4, 0.6, 0.5], float32: [0.2, 0.2, 0.5] };
const summaries = () =>
  Promise.all(
    Object.entries(VALUES).flatMap(([precision, values]) =>
      values.map((value, seed) => summaryOf({ precision, seed }, value)),
    ),
  );

describe('behavior/variance', () => {
  it('tells settings from seeds of one, along whatever axis the settings lie', async () => {
    const found = await runStep('behavior/variance', folder, { summaries: await summaries(), metrics: ['emt'] });
    const [between, within, share] = await found.rows('variances');
    // Mean squares by hand: within (0.02 + 0.02 + 0.06) / 6; between 3 · 0.0466… / 2.
    const [ofWithin, ofBetween] = [0.1 / 6, (3 * (0.2 ** 2 + 0.5 ** 2 + 0.3 ** 2 - 1 / 3)) / 2];
    expect(within).toMatchObject({
      component: 'within',
      df: 6,
      n: 9,
      settings: 3,
      within: 'seed',
      between: 'precision',
    });
    expect(within!.value).toBeCloseTo(ofWithin, 12);
    expect(within!.sd).toBeCloseTo(Math.sqrt(ofWithin), 12);
    expect(between).toMatchObject({ component: 'between', df: 2 });
    expect(between!.value).toBeCloseTo((ofBetween - ofWithin) / 3, 12);
    const variance = Number(between!.value);
    expect(share!.value).toBeCloseTo(variance / (variance + ofWithin), 12);
    expect(share).toMatchObject({ component: 'share', sd: null, reason: null });
    for (const { value, low, high } of [between!, within!, share!]) {
      expect(Number(low)).toBeLessThanOrEqual(Number(value));
      expect(Number(high)).toBeGreaterThanOrEqual(Number(value));
    }
  });

  it('says why there is none: one value a setting, one setting, seeds that do not differ', async () => {
    const reasons = async (values: readonly (readonly [string, number, number])[]) => {
      const all = await Promise.all(values.map(([model, seed, value]) => summaryOf({ model, seed }, value)));
      const run = await runStep('behavior/variance', folder, { summaries: all, metrics: ['emt'] });
      return (await run.rows('variances')).map(({ reason }) => reason);
    };
    expect(
      await reasons([
        ['a', 0, 0.1],
        ['b', 0, 0.2],
      ]),
    ).toEqual(['no_replicates', 'no_replicates', 'no_replicates']);
    expect(
      await reasons([
        ['a', 0, 0.1],
        ['a', 1, 0.2],
      ]),
    ).toEqual(['one_setting', null, 'one_setting']);
    expect(
      await reasons([
        ['a', 0, 0.1],
        ['a', 1, 0.1],
        ['b', 0, 0.2],
        ['b', 1, 0.2],
      ]),
    ).toEqual(['no_variance', null, 'no_variance']);
  });

  it('refuses an axis that is none, and values of different k', async () => {
    const all = await summaries();
    await expect(runStep('behavior/variance', folder, { summaries: all, over: ['draw'] })).rejects.toThrow(
      '`over` names draw, but the summaries were collected over precision, seed',
    );
    const other = await summaryOf({ precision: 'int4', seed: 0 }, 0.4, 25);
    await expect(runStep('behavior/variance', folder, { summaries: [...all, other] })).rejects.toThrow(
      'the summaries are of 5, 25 continuations a prompt',
    );
  });
});
