import { SUMMARY, writeRows } from '@sonde/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, SUMMARY_ROW, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

let files = 0;
const summaryOf = async (axes: Record<string, string | number>, value: number, made = {}) => {
  const file = `${folder}/summary-${files++}.parquet`;
  const row = { ...SUMMARY_ROW, low: null, high: null, k: 5, scorer: 'one', ...made };
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

  it('refuses an axis that is none', async () => {
    await expect(
      runStep('behavior/variance', folder, { summaries: await summaries(), over: ['draw'] }),
    ).rejects.toThrow('`over` names draw, but the summaries were collected over precision, seed');
  });

  it('refuses values of different k, scorers, prompts or modes, or says so', async () => {
    const all = await summaries();
    for (const [made, said] of [
      [{ k: 25 }, 'the summaries differ in `k`, their continuations a prompt: 5 (precision=int8, seed=0), 25'],
      [{ scorer: 'another' }, 'the summaries differ in `scorer`, their scorer: one'],
      [{ prompt_set: 'others' }, 'the summaries differ in `prompt_set`, their set of prompts: 0123456789abcdef'],
      [{ mode: 'paper' }, 'the summaries differ in `mode`, their mode: default'],
    ] as const) {
      const config = { summaries: [...all, await summaryOf({ precision: 'int4', seed: 0 }, 0.4, made)] };
      await expect(runStep('behavior/variance', folder, config)).rejects.toThrow(said);
      const reported = await runStep('behavior/variance', folder, { ...config, comparable: 'report' });
      expect(reported.warnings.join()).toContain(said);
    }
  });
});
