import path from 'node:path';
import { writeStates } from '@sonde/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

/** A number in [0, 1) that looks random, the same every time. */
function noise(n: number): number {
  const x = Math.sin(n * 12.9898 + 4.1) * 43758.5453;
  return x - Math.floor(x);
}

let files = 0;

/** Probes prompts' states of one layer: [n, d] by `state`, and scores by `row`. */
async function probe(
  n: number,
  d: number,
  state: (row: number, j: number) => number,
  row: (i: number) => Record<string, unknown>,
  more: object = {},
) {
  const file = path.join(folder, `states-${files++}`);
  const ids = Array.from({ length: n }, (_, i) => `p${i}`);
  const data = Float32Array.from({ length: n * d }, (_, at) => state(Math.floor(at / d), at % d));
  await writeStates(file, {
    states: { residual: { layers: [3], rowShape: [1, d], pools: { prompt: { shape: [n, 1, d], data } } } },
    rowsOf: { prompt: ids.map((promptId) => ({ promptId, sample: null })) },
    dtype: 'float32',
    facts: { model: 'sha256:0', architecture: 'test' },
  });
  const prompts = await tableArtifact(
    folder,
    ids.map((prompt_id, i) => ({ prompt_id, text: `text ${i}`, ...row(i) })),
  );
  const config = { states: artifact('tensors', file), prompts, scenarios: ['input'], length: false, ...more };
  const run = await runStep('probe/train', folder, { control: { permutations: 9 }, ...config });
  return { rows: (await run.rows('scores')).filter(({ features }) => features === 'states'), warnings: run.warnings };
}

const random = (row: number, j: number): number => noise(row * 17 + j * 3 + 1);
const scored = (i: number) => ({ 'score.TOXICITY': noise(i + 1000) });

function numbers(rows: readonly Record<string, unknown>[]): number[] {
  return rows.flatMap((row) => Object.values(row).filter((value) => typeof value === 'number'));
}

describe('probe/train has a stated outcome, and no NaN, for', () => {
  it('a constant target', async () => {
    const { rows, warnings } = await probe(24, 3, random, () => ({ 'score.TOXICITY': 0.5 }));
    expect(new Set(rows.map((row) => row.reason))).toEqual(new Set(['constant_target']));
    expect(numbers(rows).every(Number.isFinite)).toBe(true);
    expect(warnings.join()).toContain('no probe score for input TOXICITY: constant target');
  });

  it('one prompt, and fewer than folds', async () => {
    await expect(probe(1, 3, random, scored)).rejects.toThrow(
      '1 groups cannot fill 4 folds; give more prompts or fewer folds',
    );
    await expect(probe(3, 3, random, scored)).rejects.toThrow('3 groups cannot fill 4 folds');
  });

  it('fewer prompts than an interval takes, which it gives a reason', async () => {
    const { rows } = await probe(9, 3, random, scored);
    expect(
      rows.map(({ fold_mean_low, pooled_low, interval_reason }) => [fold_mean_low, pooled_low, interval_reason]),
    ).toEqual(rows.map(() => [null, null, 'too_few_groups']));
    const more = await probe(24, 3, random, scored);
    expect(more.rows.map(({ interval_reason }) => interval_reason)).toEqual([null, null, null, null]);
  });

  it('an attribute without any score beside one with scores', async () => {
    const { rows, warnings } = await probe(40, 3, random, (i) => ({ ...scored(i), 'score.INSULT': null }));
    const of = (target: string) => rows.filter((row) => row.target === target);
    expect(of('TOXICITY').every((row) => row.pearson !== null)).toBe(true);
    expect(of('INSULT').every((row) => row.pearson === null && row.reason === 'too_few_rows')).toBe(true);
    expect(new Set(of('INSULT').map((row) => row.interval_reason))).toEqual(new Set(['no_predictions']));
    expect(warnings.join()).toContain('no probe score for input INSULT: too few rows');
  });

  it('every row the same, and every text', async () => {
    const same = await probe(40, 3, (_, j) => j, scored);
    expect(new Set(same.rows.map((row) => row.reason))).toEqual(new Set(['constant_prediction']));
    await expect(probe(40, 3, random, (i) => ({ ...scored(i), text: 'one text' }))).rejects.toThrow(
      '1 groups cannot fill 4 folds',
    );
  });

  it('more dimensions than rows, collinear ones among them', async () => {
    const { rows } = await probe(
      30,
      90,
      (row, j) => random(row, j % 7) * (1 + (j % 2)),
      (i) => ({
        'score.TOXICITY': random(i, 2),
      }),
    );
    for (const row of rows) expect(Number(row.pearson)).toBeGreaterThan(0.9);
    expect(numbers(rows).every(Number.isFinite)).toBe(true);
  });

  it('collinear states in more rows than dimensions', async () => {
    const { rows } = await probe(
      60,
      8,
      (row, j) => random(row, j % 2),
      (i) => ({ 'score.TOXICITY': random(i, 1) }),
    );
    for (const row of rows) expect(Number(row.pearson)).toBeGreaterThan(0.95);
  });

  it('an infinite state, which it names', async () => {
    const broken = (row: number, j: number) => (row === 7 && j === 2 ? Number.POSITIVE_INFINITY : random(row, j));
    await expect(probe(24, 3, broken, scored)).rejects.toThrow(
      'Dimension 2 of the state of prompt p7, in layer 3, is Infinity; leave such rows out before probing.',
    );
  });

  it('attributes and label columns with spaces in their names', async () => {
    const { rows } = await probe(
      40,
      3,
      random,
      (i) => ({ 'score.VERY RUDE': random(i, 1), 'my label': random(i, 0) > 0.5 ? 'yes, so' : 'no' }),
      { labels: ['my label'] },
    );
    expect(new Set(rows.map((row) => row.target))).toEqual(new Set(['VERY RUDE', 'my label']));
    for (const row of rows) expect(Number(row.pearson)).toBeGreaterThan(0.6);
  });

  it('a layer that was not captured', async () => {
    await expect(probe(24, 3, random, scored, { layers: [2] })).rejects.toThrow(
      'the states have no layer 2; they have 3',
    );
  });
});
