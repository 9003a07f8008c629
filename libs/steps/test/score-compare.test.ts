import { pearson } from '@sonde/statistics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep, type StepRun, tableArtifact, temporaryFolder } from './harness.ts';

const K = 3;
const PROMPTS = 20;
const bootstrap = { resamples: 200, level: 0.95, seed: 0 };

/** Numbers in [0, 1] that look drawn. */
function drawn(i: number, which: number): number {
  return ((i * 7919 + which * 104_729) % 1009) / 1008;
}

type Row = Record<string, unknown>;

/** Scores of a model's continuations: of `a`, and of `b`, which goes with it loosely. */
function scoresOf(model: number, scorer: 'a' | 'b', change: (row: Row) => Row = (row) => row): Row[] {
  return Array.from({ length: PROMPTS * K }, (_, i) => {
    const a = drawn(i, model);
    const b = 0.6 * a + 0.4 * drawn(i, model + 10);
    return change({
      prompt_id: `p${Math.floor(i / K)}`,
      sample: i % K,
      'score.TOXICITY': scorer === 'a' ? a : b,
      outcome: 'ok',
      scorer,
    });
  });
}

describe('score/compare', () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterAll(() => remove());

  const table = (rows: Row[], model?: string) => tableArtifact(folder, rows, model === undefined ? {} : { model });
  const compare = (config: object): Promise<StepRun> =>
    runStep('score/compare', folder, { bootstrap, ...config } as never);
  const find = (rows: Row[], wanted: Row): Row =>
    rows.find((row) => Object.entries(wanted).every(([name, value]) => row[name] === value))!;

  it('measures two scorers over all texts, by model and by length, with intervals over prompts', async () => {
    const texts = Array.from({ length: PROMPTS * K }, (_, i) => ({
      prompt_id: `p${Math.floor(i / K)}`,
      sample: i % K,
      text: `${'word '.repeat(i % 20)}w${i}`,
    }));
    const run = await compare({
      scores: [await table(scoresOf(1, 'a'), 'm1'), await table(scoresOf(2, 'a'), 'm2')],
      reference: [await table(scoresOf(2, 'b'), 'm2'), await table(scoresOf(1, 'b'), 'm1')],
      texts: [await table(texts)],
    });
    const rows = await run.rows('comparison');
    const groups = new Set(rows.map(({ by, group }) => `${by} ${group}`));
    expect([...groups]).toEqual([
      'all all',
      'table m1',
      'table m2',
      'length 0–7 words',
      'length 8–15 words',
      'length 16–31 words',
    ]);
    const column = (model: number, scorer: 'a' | 'b') =>
      scoresOf(model, scorer).map((row) => Number(row['score.TOXICITY']));
    const of = (group: string) => find(rows, { group, measure: 'pearson' });
    expect(of('m1').value).toBeCloseTo(pearson(column(1, 'a'), column(1, 'b')).r!, 12);
    expect(of('all').value).toBeCloseTo(
      pearson([...column(1, 'a'), ...column(2, 'a')], [...column(1, 'b'), ...column(2, 'b')]).r!,
      12,
    );
    expect(of('all')).toMatchObject({ n: 2 * PROMPTS * K, units: PROMPTS, missing: 0, scorer: 'a', reference: 'b' });
    for (const { value, low, high, measure } of rows.filter(({ low }) => low !== null)) {
      expect(Number(low), String(measure)).toBeLessThanOrEqual(Number(value));
      expect(Number(high), String(measure)).toBeGreaterThanOrEqual(Number(value));
    }
    const bins = await run.rows('calibration');
    expect(bins).toHaveLength(10);
    expect(bins.reduce((sum, { n }) => sum + Number(n), 0)).toBe(2 * PROMPTS * K);
    const far = await run.rows('disagreements');
    const signs = far.map(({ difference }) => Math.sign(Number(difference)));
    expect(signs).toEqual([1, 1, 1, 1, 1, -1, -1, -1, -1, -1]);
    expect(far[0]).toMatchObject({ id: expect.stringMatching(/^p\d+, \d$/), text: expect.stringMatching(/w\d+$/) });
  });

  it('says what becomes of EMT and of the ranking of models', async () => {
    const lower = (row: Row) => ({ ...row, 'score.TOXICITY': Number(row['score.TOXICITY']) / 2 });
    const empty = (row: Row) => (row.prompt_id === 'p0' ? { ...row, 'score.TOXICITY': null, outcome: 'empty' } : row);
    const run = await compare({
      scores: [await table(scoresOf(1, 'a', empty), 'm1'), await table(scoresOf(2, 'a', lower), 'm2')],
      reference: [
        await table(
          scoresOf(1, 'a', (row) => lower(lower(row))),
          'm1',
        ),
        await table(scoresOf(2, 'a'), 'm2'),
      ],
    });
    const rows = await run.rows('comparison');
    const largest = (model: number) =>
      Array.from({ length: PROMPTS }, (_, p) => Math.max(...[0, 1, 2].map((s) => drawn(p * K + s, model))));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const of = (group: string, measure: string) => Number(find(rows, { group, measure }).value);
    expect(of('m1', 'emt')).toBeCloseTo(mean([0, ...largest(1).slice(1)]), 12);
    expect(of('m1', 'reference_emt')).toBeCloseTo(mean(largest(1)) / 4, 12);
    expect(of('m2', 'emt_difference')).toBeCloseTo(-mean(largest(2)) / 2, 12);
    expect(['m1', 'm2'].map((model) => [of(model, 'rank'), of(model, 'reference_rank')])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    // Two models are in one of two orders: their ranks say which.
    expect(find(rows, { group: 'all', measure: 'ranking_spearman' })).toMatchObject({ value: null, reason: 'too_few' });
  });

  it('says how alike the orders of three models are', async () => {
    const times = (factor: number) => (row: Row) => ({
      ...row,
      'score.TOXICITY': Number(row['score.TOXICITY']) * factor,
    });
    const models = (factors: readonly number[]) =>
      Promise.all(factors.map((factor, m) => table(scoresOf(1, 'a', times(factor)), `m${m}`)));
    const run = await compare({ scores: await models([0.2, 0.5, 0.9]), reference: await models([0.9, 0.5, 0.2]) });
    const rows = await run.rows('comparison');
    for (const measure of ['ranking_spearman', 'ranking_kendall']) {
      expect(Number(find(rows, { group: 'all', measure }).value), measure).toBeCloseTo(-1, 12);
    }
  });

  it('compares with what people say in a column, joined by id', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => ({ text_id: `t${i}`, text: `text ${i}` }));
    const scores = texts.map(({ text_id }, i) => ({ text_id, 'score.TOXICITY': i / 40, outcome: 'ok', scorer: 'a' }));
    const human = texts.map(({ text_id, text }, i) => ({ text_id, text, rude: i === 3 ? null : i >= 20 })).reverse();
    const reference = await table(human);
    const run = await compare({
      scores: [await table(scores)],
      reference: [reference],
      texts: [reference],
      labels: { TOXICITY: 'rude' },
    });
    const rows = await run.rows('comparison');
    expect(find(rows, { by: 'all', measure: 'auc' })).toMatchObject({
      value: 1,
      n: 39,
      missing: 1,
      units: 39,
      threshold: 0.5,
      reference: 'column rude',
    });
    expect(find(rows, { by: 'all', measure: 'kappa', threshold: 0.5 }).value).toBe(1);
    expect(rows.some(({ measure }) => measure === 'emt')).toBe(false);
    const [first] = await run.rows('disagreements');
    expect(first).toMatchObject({ id: 't19', text: 'text 19', reference: 0 });
  });

  it('refuses tables that do not belong together', async () => {
    const scores = [await table(scoresOf(1, 'a'))];
    const strangers = [await table(scoresOf(1, 'b', (row) => ({ ...row, prompt_id: `x${row.prompt_id}` })))];
    await expect(compare({ scores, reference: strangers })).rejects.toThrow(/60 of 60 scores match none/);
    const other = [
      await table(scoresOf(1, 'b').map(({ 'score.TOXICITY': it, ...row }) => ({ ...row, 'score.X': it }))),
    ];
    await expect(compare({ scores, reference: other, attributes: ['TOXICITY'] })).rejects.toThrow(
      /scores and reference together has no scores of TOXICITY/,
    );
    await expect(compare({ scores, reference: scores, labels: { TOXICITY: 'prompt_id' } })).rejects.toThrow(
      /Column "prompt_id" holds "p0" at row 0, counted from 0; a number was expected/,
    );
    const several = [await table(scoresOf(1, 'b'), 'm1'), await table(scoresOf(2, 'b'), 'm2')];
    await expect(compare({ scores: [await table(scoresOf(3, 'a'), 'm3')], reference: several })).rejects.toThrow(
      /`reference` has 0 tables for model=m3/,
    );
  });

  it('says why there is no number', async () => {
    const constant = scoresOf(1, 'a', (row) => ({ ...row, 'score.TOXICITY': 0.9 }));
    const run = await compare({ scores: [await table(constant)], reference: [await table(constant)] });
    const rows = await run.rows('comparison');
    expect(find(rows, { by: 'all', measure: 'pearson' })).toMatchObject({ value: null, reason: 'constant' });
    expect(find(rows, { by: 'all', measure: 'auc' })).toMatchObject({ value: null, reason: 'one_label' });
    expect(find(rows, { by: 'all', measure: 'kappa' })).toMatchObject({ value: null, reason: 'one_side' });
    expect(await run.rows('disagreements')).toEqual([]);
  });
});
