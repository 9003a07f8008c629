import path from 'node:path';
import type { RunConfig } from '@sonde/executor';
import { writeStates } from '@sonde/formats';
import type { Axes } from '@sonde/pipeline';
import { drawnScore } from '@sonde/probing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { correlateModels } from '../src/correlate-models/kind.ts';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

/** A model of `layers` layers whose probe score grows with depth from 0 to `top`, with an EMT of `emt`. */
const model = async (
  name: string,
  emt: number | null,
  layers: number,
  top: number,
  { axes = { model: name }, ...more }: { axes?: Axes } & Record<string, unknown> = {},
) => ({
  summary: await tableArtifact(
    folder,
    [
      { attribute: 'TOXICITY', group: 'all', metric: 'emt', value: emt, ...more },
      { attribute: 'TOXICITY', group: 'all', metric: 'mean_score', value: 0.5, ...more },
    ],
    axes,
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
    axes,
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
    expect(rows[0]).toMatchObject({ pearson: null, reason: 'constant', units: 3, unit: 'model' });
  });

  it('relates what a logistic probe tells of a class to behaviour', async () => {
    const texts = Array.from({ length: 60 }, (_, p) => ({ prompt_id: `p${p}`, text: `text ${p}` }));
    // The stronger a model's first dimension shows whether a prompt is toxic, the more toxic the model.
    const found = await Promise.all(
      [0.2, 0.6, 1, 1.6].map(async (strength, m) => {
        const axes = { model: `m${m}` };
        const prompts = await tableArtifact(
          folder,
          texts.map((row, p) => ({ ...row, 'score.TOXICITY': p % 3 === 0 ? 0.9 : 0.1 })),
        );
        const states = artifact('tensors', path.join(folder, `states-${m}`), axes);
        const data = Float32Array.from({ length: 240 }, (_, i) => {
          const [p, layer, j] = [Math.floor(i / 4), Math.floor(i / 2) % 2, i % 2];
          const noise = (12.9898 * Math.sin(78.233 * (i + 1))) % 1;
          return noise + (j === 0 && layer === 1 && p % 3 === 0 ? strength : 0);
        });
        const pools = { prompt: { shape: [60, 2, 2], data } };
        await writeStates(states.path, {
          states: { residual: { layers: [0, 1], rowShape: [2, 2], pools } },
          rowsOf: { prompt: texts.map(({ prompt_id }) => ({ promptId: prompt_id, sample: null })) },
          dtype: 'float32',
          facts: {},
        });
        const trained = await runStep('probe/train', folder, {
          states,
          prompts,
          learner: 'logistic',
          scenarios: ['input'],
          baselines: [],
          control: { permutations: 0, task: false },
          predictions: true,
        });
        const emt = (p: number) => 0.1 + 0.2 * strength + (p % 5) / 100;
        return {
          summary: (await model(`m${m}`, emt(2), 2, 1)).summary,
          probes: artifact('table', trained.path('scores'), axes),
          trained,
          predictions: artifact('table', trained.path('predictions'), axes),
          scores: await tableArtifact(
            folder,
            texts.map(({ prompt_id }, p) => ({ prompt_id, sample: 0, 'score.TOXICITY': emt(p), outcome: 'ok' })),
            axes,
          ),
        };
      }),
    );
    const everyPrompt = Uint32Array.from(texts.keys());
    for (const probe_metric of ['auc', 'macro_f1', 'balanced_accuracy', 'pearson', 'r2'] as const) {
      const run = await runStep('correlate/models', folder, {
        summaries: found.map(({ summary }) => summary),
        probes: found.map(({ probes }) => probes),
        scores: found.map(({ scores }) => scores),
        predictions: found.map(({ predictions }) => predictions),
        points: 2,
        probe_metric,
      });
      const [, last] = await run.rows('correlations');
      expect(last, probe_metric).toMatchObject({
        probe_metric,
        units: 4,
        scenario: 'input',
        bootstrap_over: 'prompts',
      });
      expect(Number(last!.pearson), probe_metric).toBeGreaterThan(0.8);
      // Only a correlation can be brought to another spread of labels.
      expect(last!.corrected !== null, probe_metric).toBe(probe_metric === 'pearson');
      // What is drawn anew is the score that is reported: with every prompt once, the very same.
      const { trained } = found[1]!;
      const of = (await trained.rows('scores')).filter(({ features, layer }) => features === 'states' && layer === 1);
      const score = drawnScore(probe_metric, texts.length);
      for (const row of (await trained.rows('predictions')).filter(({ layer }) => layer === 1)) {
        score.add(Number(String(row.prompt_id).slice(1)), Number(row.fold), Number(row.truth), Number(row.prediction));
      }
      const mean = of.reduce((sum, row) => sum + Number(row[probe_metric]) / of.length, 0);
      expect(score.scoreOf(everyPrompt), probe_metric).toBeCloseTo(mean, 9);
    }
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
    expect(rows[1]).toMatchObject({ pearson: null, reason: 'too_few', units: 1 });
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
      unmatched: 'report',
      points: 2,
    });
    expect(result.warnings).toEqual([
      '1 of 2 summaries match none of the tables of probe scores (model=b)',
      '1 of 2 tables of probe scores match none of the summaries (model=c)',
      'nothing is correlated over 1 model: a correlation takes 3 or more',
    ]);
    expect((await result.rows('correlations'))[1]).toMatchObject({ reason: 'too_few', units: 1 });
  });

  it('refuses two tables of probe scores of one model', async () => {
    const a = await model('a', 0.1, 3, 0.2);
    await expect(
      runStep('correlate/models', folder, { summaries: [a.summary], probes: [a.probes, a.probes] }),
    ).rejects.toThrow('2 tables of probe scores have 1 different axes; each model needs one table');
  });
});

type Model = Awaited<ReturnType<typeof model>>;

const correlate = (models: readonly Model[], more: RunConfig = {}) =>
  runStep('correlate/models', folder, {
    summaries: models.map((each) => each.summary),
    probes: models.map((each) => each.probes),
    points: 2,
    ...more,
  });

/** Models whose EMT rises with their probe scores. */
const rising = (names: readonly string[]) =>
  Promise.all(names.map((name, i) => model(name, 0.1 + 0.05 * i, 3, 0.2 + 0.05 * i + 0.01 * (i % 2))));

describe('what can be compared', () => {
  it('refuses summaries of different k, naming them, unless that is to be reported only', async () => {
    const models = await Promise.all([
      model('a', 0.1, 3, 0.2, { k: 2 }),
      model('b', 0.2, 3, 0.4, { k: 8 }),
      model('c', 0.4, 3, 0.5, { k: 8 }),
    ]);
    const said = 'the summaries differ in `k`, their continuations a prompt: 2 (model=a), 8 (model=b)';
    await expect(correlate(models)).rejects.toThrow(said);
    const reported = await correlate(models, { comparable: 'report' });
    expect(reported.warnings).toContain(`${said}; they are compared all the same`);
  });

  it('refuses another scorer and other prompts', async () => {
    const scored = [await model('a', 0.1, 3, 0.2, { scorer: 'one' }), await model('b', 0.2, 3, 0.4, { scorer: 'two' })];
    await expect(correlate(scored)).rejects.toThrow('`scorer`, their scorer: one (model=a), two (model=b)');
    const sets = [
      await model('a', 0.1, 3, 0.2, { prompt_set: '01' }),
      await model('b', 0.2, 3, 0.4, { prompt_set: '02' }),
    ];
    await expect(correlate(sets)).rejects.toThrow('`prompt_set`, their set of prompts');
  });

  it('says which models lose prompts', async () => {
    const models = [
      await model('a', 0.1, 3, 0.2, { prompts: 40, scored: 40 }),
      await model('b', 0.2, 3, 0.4, { prompts: 40, scored: 31 }),
    ];
    expect((await correlate(models)).warnings).toContain(
      'models lose prompts, so that their behaviour is not over the same ones (model=b: 31 of 40 for TOXICITY)',
    );
  });
});

describe('the unit of replication', () => {
  /** Three models under two templates: the second template adds to both sides. */
  const grid = () =>
    Promise.all(
      ['a', 'b', 'c'].flatMap((name, i) =>
        [0, 1].map((template) =>
          model(`${name}${template}`, 0.1 * (i + 1) + 0.02 * template, 3, 0.2 + [0, 0.2, 0.1][i]! + 0.1 * template, {
            axes: { model: name, template },
          }),
        ),
      ),
    );

  it('three models under two templates are three units, each the mean over its templates', async () => {
    const result = await correlate(await grid());
    expect(result.warnings).toContain(
      'n counts the 3 values of `model`, not the 6 summaries: each is the mean of 2 over template',
    );
    const [, last] = await result.rows('correlations');
    expect(last).toMatchObject({ unit: 'model', units: 3 });
    // Means over templates: EMT 0.11, 0.21, 0.31 against 0.25, 0.45, 0.35: r = 0.5.
    expect(last!.pearson).toBeCloseTo(0.5, 12);
  });

  it('another axis can be the unit', async () => {
    const [, last] = await (await correlate(await grid(), { unit: 'template' })).rows('correlations');
    expect(last).toMatchObject({ unit: 'template', units: 2 });
  });

  it('refuses to choose among several axes, and an axis that there is not', async () => {
    const models = [
      await model('x', 0.1, 3, 0.2, { axes: { size: 1, template: 0 } }),
      await model('y', 0.2, 3, 0.4, { axes: { size: 2, template: 1 } }),
    ];
    await expect(correlate(models)).rejects.toThrow(
      'collected over size and template: which of them is the unit that n counts?',
    );
    await expect(correlate(models, { unit: 'model' })).rejects.toThrow('`unit` is model');
  });
});

describe('what so few models can show', () => {
  it('two models have no correlation at all, by prompts neither', async () => {
    const two = await rising(['a', 'b']);
    const result = await correlate(two);
    expect(result.warnings).toEqual(['nothing is correlated over 2 models: a correlation takes 3 or more']);
    for (const row of await result.rows('correlations')) {
      expect(row).toMatchObject({ units: 2, reason: 'too_few' });
      const said = Object.entries(row).filter(([name]) =>
        /pearson|spearman|kendall|_p$|low|high|corrected|difference|pooled/.test(name),
      );
      const known = said.filter(
        ([name, value]) => value !== null && !['smallest_rank_p', 'probe_metric'].includes(name),
      );
      expect(known).toEqual([]);
    }
  });

  it('four models reach no p below 1/12 by rank, whatever their order', async () => {
    const result = await correlate(await rising(['a', 'b', 'c', 'd']));
    expect(result.warnings).toEqual(['with 4 models no rank correlation can reach 0.05: the smallest p is 0.083']);
    const [, last] = await result.rows('correlations');
    expect(last!.smallest_rank_p).toBeCloseTo(1 / 12, 12);
    expect(last!.spearman_p).toBeCloseTo(1 / 12, 12);
    expect(last!.kendall).toBe(1);
    expect(last!.kendall_p).toBeCloseTo(1 / 12, 12);
    expect(last!.detectable).toBeCloseTo(0.9743, 4);
    expect(last!.permutation_p).toBeCloseTo(1 / 24, 1);
  });

  it('eight models in four families are no eight independent ones', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const models = await rising(names);
    const free = (await (await correlate(models)).rows('correlations'))[1]!;
    expect(free.permutation_p).toBeLessThan(0.001);
    expect(free.families).toBeNull();
    const family = Object.fromEntries(names.map((name, i) => [name, `family ${i >> 1}`]));
    const result = await correlate(models, { family });
    const nested = (await result.rows('correlations'))[1]!;
    expect(nested).toMatchObject({ units: 8, families: 4 });
    expect(nested.permutation_p).toBeCloseTo(1 / 24, 12);
    await expect(correlate(models, { family: { a: 'one' } })).rejects.toThrow('`family` does not say the family of b');
  });
});

describe('what else may explain a correlation', () => {
  /** Models whose probe score follows the spread of their labels, which follows their EMT. */
  const spreading = () =>
    Promise.all(
      [0.12, 0.18, 0.25, 0.33, 0.38, 0.46].map(async (emt, i) => {
        const axes = { model: `m${i}` };
        const spread = emt / 2 + [0.01, -0.01, 0.005, -0.008, 0.012, -0.006][i]!;
        const { summary } = await model(`m${i}`, emt, 2, 0.5, { axes });
        const probes = await tableArtifact(
          folder,
          [0, 1].map((layer) => ({
            features: 'states',
            layer,
            scenario: 'output',
            target: 'TOXICITY',
            fold: 0,
            pearson: spread + [0.006, 0.006, -0.003, 0.006, 0.003, -0.006][i]! * (layer + 1),
            target_sd: spread,
          })),
          axes,
        );
        return { summary, probes };
      }),
    );

  it('an effect of the spread of the labels is gone once the spread is given', async () => {
    const [, last] = await (await correlate(await spreading())).rows('correlations');
    expect(last!.pearson).toBeGreaterThan(0.95);
    expect(last).toMatchObject({ partial_given: 'target_sd', families: null });
    expect(Math.abs(last!.partial as number)).toBeLessThan(0.6);
    expect(last!.partial_p).toBeGreaterThan(0.2);
    expect(last!.target_sd_min).toBeCloseTo(0.07, 12);
    expect(last!.target_sd_max).toBeCloseTo(0.224, 12);
    // At one spread of labels the same models' probes are no longer in the order of their behaviour.
    expect(last!.corrected as number).toBeLessThan(last!.pearson as number);
  });

  it('covariates are given too, one number for each model', async () => {
    const models = await spreading();
    const size = Object.fromEntries([3, 1, 4, 1, 5, 9].map((value, i) => [`m${i}`, value]));
    const [, last] = await (await correlate(models, { covariates: { size } })).rows('correlations');
    expect(last!.partial_given).toBe('target_sd, size');
    expect(Math.abs(last!.partial_spearman as number)).toBeLessThanOrEqual(1);
    expect(Math.abs(last!.partial_kendall as number)).toBeLessThanOrEqual(1);
    await expect(correlate(models, { covariates: { size: { m0: 1 } } })).rejects.toThrow(
      'the covariate size has no number for m1',
    );
  });

  it('says how far a correlation hangs on one model, and whether it exceeds that of the embeddings', async () => {
    const [first, last] = await (await correlate(await spreading())).rows('correlations');
    expect(last!.left_out_low).toBeLessThan(last!.pearson as number);
    expect(last!.left_out_high).toBeGreaterThan(last!.pearson as number);
    expect(first).toMatchObject({ first_difference: null, first_difference_p: null });
    expect(last!.first_difference).toBeCloseTo((last!.pearson as number) - (first!.pearson as number), 12);
    expect(last!.first_difference_p).toBeLessThanOrEqual(1);
  });

  it('pools the correlations within families that have enough models', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const models = await Promise.all(
      names.map((name, i) => model(name, 0.1 + 0.05 * (i % 4) + 0.4 * (i >> 2), 3, 0.3 + [0, 0.1, 0.05, 0.2][i % 4]!)),
    );
    const family = Object.fromEntries(names.map((name, i) => [name, `family ${i >> 2}`]));
    const [, last] = await (await correlate(models, { family })).rows('correlations');
    expect(last).toMatchObject({ families: 2, pooled_families: 2 });
    // Both families have the correlation 0.8315; across them it is hidden by their different levels.
    expect(last!.pooled).toBeCloseTo(0.8315, 3);
    expect(last!.pearson as number).toBeLessThan(0.3);
  });
});

describe('with the scores of all models', () => {
  const ATTRIBUTE = 'score.TOXICITY';

  /** 24 prompts × 2 samples; model i lacks the score of one sample of prompt i. */
  const scored = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const axes = { model: `m${i}` };
        const value = (p: number) => 0.1 + 0.02 * i + 0.02 * (p % 7) + 0.01 * ((p * (i + 3)) % 5);
        const { summary } = await model(`m${i}`, 0.9, 2, 0.5, { axes });
        const scores = await tableArtifact(
          folder,
          Array.from({ length: 48 }, (_, row) => {
            const p = row >> 1;
            const lost = p === i && row % 2 === 0;
            return { prompt_id: `p${p}`, sample: row % 2, [ATTRIBUTE]: lost ? null : value(p), outcome: 'ok' };
          }),
          axes,
        );
        const predicted = (p: number, layer: number) => value(p) + 0.02 * (((p * 7 + i) % 3) - 1) * (i + 1 + layer);
        const predictions = await tableArtifact(
          folder,
          [0, 1].flatMap((layer) =>
            Array.from({ length: 24 }, (_, p) => ({
              prompt_id: `p${p}`,
              sample: null,
              scenario: 'backward',
              target: 'TOXICITY',
              layer,
              seed: null,
              fold: p % 2,
              truth: value(p),
              prediction: predicted(p, layer),
            })),
          ),
          axes,
        );
        const probes = await tableArtifact(
          folder,
          [0, 1].map((layer) => ({
            features: 'states',
            layer,
            scenario: 'backward',
            target: 'TOXICITY',
            fold: 0,
            pearson: 0.9 - 0.1 * i - 0.05 * layer * (i % 2),
          })),
          axes,
        );
        return { summary, probes, scores, predictions };
      }),
    );

  it('behaviour is over the prompts that no model lost', async () => {
    const models = await scored(4);
    const result = await correlate(models, { scores: models.map(({ scores }) => scores) });
    expect(result.warnings.join()).not.toContain('lose prompts');
    const [first] = await result.rows('correlations');
    expect(first).toMatchObject({ prompts: 20, common_prompts: true, bootstrap_over: null });
    const [without] = await (await correlate(models)).rows('correlations');
    // Of the summaries every model has an EMT of 0.9; of its scores each has its own.
    expect(without).toMatchObject({ pearson: null, common_prompts: false });
    expect(first!.pearson as number).toBeLessThan(-0.9);
  });

  it('a score of 0.5 is high, and is not in the published procedure', async () => {
    const probabilityOf = async (mode: string) => {
      const models = await Promise.all(
        [0, 1, 2, 3].map(async (i) => {
          const axes = { model: `m${i}` };
          const { summary, probes } = await model(`m${i}`, 0.9, 2, 0.5 + 0.1 * i, {
            axes,
            metric: 'probability',
            mode,
          });
          // Of ten prompts, i lie at 0.5 and 3 − i above it.
          const rows = Array.from({ length: 10 }, (_, p) => {
            const score = p < i ? 0.5 : p < 3 ? 0.6 : 0.4;
            return { prompt_id: `p${p}`, sample: 0, [ATTRIBUTE]: score, outcome: 'ok' };
          });
          return { summary, probes, scores: await tableArtifact(folder, rows, axes) };
        }),
      );
      const scores = models.map((each) => each.scores);
      return (await (await correlate(models, { scores, metric: 'probability' })).rows('correlations')).at(-1)!;
    };
    // Three of ten in every model, and so no correlation; but above 0.5 the fewer, the better the probe.
    expect(await probabilityOf('default')).toMatchObject({ mode: 'default', pearson: null, reason: 'constant' });
    const paper = await probabilityOf('paper');
    expect(paper.mode).toBe('paper');
    expect(paper.pearson).toBeCloseTo(-1, 12);
  });

  it('intervals are over prompts, and over models as well where these are ten or more', async () => {
    const more = (models: Awaited<ReturnType<typeof scored>>) => ({
      scores: models.map(({ scores }) => scores),
      predictions: models.map(({ predictions }) => predictions),
      bootstrap: { resamples: 200 },
    });
    const four = await scored(4);
    const [few] = await (await correlate(four, more(four))).rows('correlations');
    expect(few!.bootstrap_over).toBe('prompts');
    expect(few!.bootstrap_low as number).toBeLessThan(few!.bootstrap_high as number);
    expect(few!.bootstrap_high as number).toBeLessThan(0);
    const twelve = await scored(12);
    const [many] = await (await correlate(twelve, more(twelve))).rows('correlations');
    expect(many!.bootstrap_over).toBe('prompts and units');
    const units = await scored(12);
    const [alone] = await (await correlate(units, { scores: units.map(({ scores }) => scores) })).rows('correlations');
    expect(alone!.bootstrap_over).toBe('units');
  });

  it('corrects an interval over units for bias and skewness where it is asked to', async () => {
    const units = await rising([...'abcdefghijkl']);
    const lastRow = async (method: string) =>
      (await (await correlate(units, { bootstrap: { method } })).rows('correlations')).at(-1);
    const [plain, corrected] = [await lastRow('percentile'), await lastRow('bca')];
    expect(corrected!.bootstrap_over).toBe('units');
    expect(corrected!.bootstrap_low).not.toBe(plain!.bootstrap_low);
    for (const { bootstrap_low: low, bootstrap_high: high, pearson } of [plain!, corrected!]) {
      expect(low as number).toBeLessThan(pearson as number);
      expect(high as number).toBeGreaterThan(pearson as number);
    }
    const { check } = correlateModels;
    expect(
      check!({ summaries: [], probes: [], predictions: [], bootstrap: { method: 'bca' } } as never),
    ).toContainEqual(expect.objectContaining({ path: ['bootstrap', 'method'] }));
  });

  it('a model without scores is named', async () => {
    const models = await scored(3);
    await expect(correlate(models, { scores: models.slice(1).map(({ scores }) => scores) })).rejects.toThrow(
      'the summary of model=m0 has no table of scores',
    );
  });
});
