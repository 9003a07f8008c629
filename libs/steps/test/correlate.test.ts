import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

/** A model of `layers` layers whose probe score grows with depth from 0 to `top`, with an EMT of `emt`. */
const model = async (name: string, emt: number | null, layers: number, top: number) => ({
  summary: await tableArtifact(
    folder,
    [
      { attribute: 'TOXICITY', group: 'all', metric: 'emt', value: emt },
      { attribute: 'TOXICITY', group: 'all', metric: 'mean_score', value: 0.5 },
    ],
    { model: name },
  ),
  probes: await tableArtifact(
    folder,
    Array.from({ length: layers }, (_, layer) =>
      [0, 1].map((fold) => ({
        features: 'states',
        layer,
        scenario: 'input',
        target: 'TOXICITY',
        fold,
        pearson: (top * layer) / (layers - 1),
      })),
    ).flat(),
    { model: name },
  ),
});

describe('correlate/models', () => {
  it('compares models of different depth at the same share of it', async () => {
    const models = await Promise.all([model('a', 0.1, 3, 0.2), model('b', 0.2, 5, 0.4), model('c', 0.4, 3, 0.8)]);
    const rows = await (
      await runStep('correlate/models', folder, {
        summaries: models.map((m) => m.summary),
        probes: models.map((m) => m.probes),
        points: 3,
      })
    ).rows('correlations');
    expect(rows.map((row) => row.relative_depth)).toEqual([0, 0.5, 1]);
    expect(rows[2]!.pearson).toBeCloseTo(1, 12);
    expect(rows[1]!.pearson).toBeCloseTo(1, 12);
    expect(rows[0]).toMatchObject({ pearson: null, reason: 'constant', models: 3 });
  });

  it('leaves a model without behaviour out and says how many are left', async () => {
    const models = await Promise.all([model('a', 0.1, 3, 0.2), model('b', null, 3, 0.4)]);
    const rows = await (
      await runStep('correlate/models', folder, {
        summaries: models.map((m) => m.summary),
        probes: models.map((m) => m.probes),
        points: 2,
      })
    ).rows('correlations');
    expect(rows[1]).toMatchObject({ pearson: null, reason: 'too_few', models: 1 });
  });

  it('refuses probes of other models than the summaries, and names models that have only one of the two', async () => {
    const [a, b, c] = await Promise.all([model('a', 0.1, 3, 0.2), model('b', 0.2, 3, 0.4), model('c', 0.3, 3, 0.5)]);
    await expect(
      runStep('correlate/models', folder, { summaries: [a.summary, b.summary], probes: [c.probes] }),
    ).rejects.toThrow(
      '2 of 2 summaries match none of the tables of probe scores (model=a; model=b); 1 of 1 tables of probe scores match none of the summaries (model=c)',
    );
    const result = await runStep('correlate/models', folder, {
      summaries: [a.summary, b.summary],
      probes: [a.probes, c.probes],
      points: 2,
    });
    expect(result.warnings).toEqual([
      '1 of 2 summaries match none of the tables of probe scores (model=b)',
      '1 of 2 tables of probe scores match none of the summaries (model=c)',
    ]);
    expect((await result.rows('correlations'))[1]).toMatchObject({ reason: 'too_few', models: 1 });
  });

  it('refuses two tables of probe scores of one model', async () => {
    const a = await model('a', 0.1, 3, 0.2);
    await expect(
      runStep('correlate/models', folder, { summaries: [a.summary], probes: [a.probes, a.probes] }),
    ).rejects.toThrow('2 tables of probe scores have 1 different axes; each model needs one table');
  });
});
