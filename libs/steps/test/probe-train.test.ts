import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openProbeWeights, writeStates } from '@sonde/formats';
import { openSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { artifact, runStep, tableArtifact, temporaryFolder, withDefaults } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const PROMPTS = 60;
const SAMPLES = 2;
const D = 5;

/** A number in [0, 1) that looks random, the same every time. */
const noise = (n: number): number => {
  const x = Math.sin(n * 12.9898 + 4.1) * 43758.5453;
  return x - Math.floor(x);
};

const ids = Array.from({ length: PROMPTS }, (_, i) => `p${i}`);
const score = (i: number): number => noise(i + 1000);

/** Layer 0 knows nothing; layer 1 of a prompt holds the prompt's score, that of a continuation its own. */
const states = async (name: string) => {
  const fill = (n: number, known: (row: number) => number): Float32Array =>
    Float32Array.from({ length: n * 2 * D }, (_, i) =>
      i % (2 * D) === D ? known(Math.floor(i / (2 * D))) : noise(i + n),
    );
  const target = path.join(folder, name);
  const rows = ids.flatMap((promptId) => Array.from({ length: SAMPLES }, (_, sample) => ({ promptId, sample })));
  await writeStates(target, {
    states: {
      residual: {
        layers: [0, 1],
        rowShape: [2, D],
        pools: {
          prompt: { shape: [PROMPTS, 2, D], data: fill(PROMPTS, score) },
          continuation: { shape: [rows.length, 2, D], data: fill(rows.length, (row) => score(row + 500)) },
        },
      },
    },
    rowsOf: { prompt: ids.map((promptId) => ({ promptId, sample: null })), continuation: rows },
    dtype: 'float32',
    facts: { model: 'sha256:0', architecture: 'test' },
  });
  return artifact('tensors', target);
};

const prompts = (value: (i: number) => number | null = score) =>
  tableArtifact(
    folder,
    ids.map((prompt_id, i) => ({ prompt_id, text: `text ${i}`, 'score.TOXICITY': value(i) })),
  );
const scores = () =>
  tableArtifact(
    folder,
    ids.flatMap((prompt_id, i) =>
      Array.from({ length: SAMPLES }, (_, sample) => ({
        prompt_id,
        sample,
        'score.TOXICITY': score(i * SAMPLES + sample + 500),
      })),
    ),
  );

const mean = (rows: readonly Record<string, unknown>[], match: Record<string, unknown>): number => {
  const found = rows.filter((row) => Object.entries(match).every(([key, value]) => row[key] === value));
  return found.reduce((sum, row) => sum + Number(row.pearson), 0) / found.length;
};

describe('probe/train', () => {
  it('reads a score from the layer that holds it and not from the one that does not', async () => {
    const config = { states: await states('s1'), prompts: await prompts(), scores: await scores(), length: false };
    const rows = await (await runStep('probe/train', folder, config)).rows('scores');
    for (const scenario of ['input', 'output']) {
      expect(mean(rows, { features: 'states', scenario, layer: 1 })).toBeGreaterThan(0.99);
      expect(Math.abs(mean(rows, { features: 'states', scenario, layer: 0 }))).toBeLessThan(0.5);
    }
    expect([...new Set(rows.map((row) => row.scenario))].sort()).toEqual(['backward', 'forward', 'input', 'output']);
  });

  it('gives baselines beside the states, and finds a planted score against chance', async () => {
    const config = { states: await states('s2'), prompts: await prompts(), scenarios: ['input'], length: false };
    const rows = await (await runStep('probe/train', folder, config)).rows('scores');
    expect(new Set(rows.map((row) => row.features))).toEqual(
      new Set(['states', 'bag_of_words', 'tf_idf', 'text_length', 'mean', 'random_direction']),
    );
    const [planted, empty] = [1, 0].map((layer) =>
      rows.filter((row) => row.features === 'states' && row.layer === layer),
    );
    for (const row of planted!) {
      expect(row).toMatchObject({ permutations: 100, undefined_folds: 0, p: 1 / 101, seed: null });
      expect(Number(row.r2)).toBeGreaterThan(0.95);
      expect(Math.abs(Number(row.null_mean))).toBeLessThan(0.15);
      expect(Number(row.null_95)).toBeLessThan(Number(row.fold_mean_low));
      expect(Number(row.pooled_low)).toBeLessThanOrEqual(Number(row.pooled));
      expect(Number(row.target_sd)).toBeCloseTo(Math.sqrt(1 / 12), 1);
    }
    expect(Number(empty![0]!.p)).toBeGreaterThan(0.05);
  });

  it('finds a probe that can memorise words by its score on the control task', async () => {
    const words = ['ash', 'birch', 'cedar'];
    const texts = await tableArtifact(
      folder,
      ids.map((prompt_id, i) => ({ prompt_id, text: `${words[i % 3]} ${i}`, 'score.TOXICITY': score(i) })),
    );
    const file = path.join(folder, 'words');
    await writeStates(file, {
      states: {
        residual: {
          layers: [0],
          rowShape: [1, 3],
          pools: {
            prompt: {
              shape: [PROMPTS, 1, 3],
              data: Float32Array.from({ length: PROMPTS * 3 }, (_, i) => (Math.floor(i / 3) % 3 === i % 3 ? 1 : 0)),
            },
          },
        },
      },
      rowsOf: { prompt: ids.map((promptId) => ({ promptId, sample: null })) },
      dtype: 'float32',
      facts: { model: 'sha256:0', architecture: 'test' },
    });
    const config = { states: artifact('tensors', file), prompts: texts, scenarios: ['input'], length: false };
    const rows = await (await runStep('probe/train', folder, config)).rows('scores');
    for (const row of rows.filter((each) => each.features === 'states')) {
      expect(Number(row.control_task)).toBeGreaterThan(0.9);
      expect(Number(row.selectivity)).toBeCloseTo(Number(row.pearson) - Number(row.control_task));
    }
  });

  it('gives a probe that cannot memorise about 0 on the control task, whatever the seed', async () => {
    const many = Array.from({ length: 240 }, (_, i) => `p${i}`);
    const word = (i: number) => `word${Math.floor(40 * noise(i))}`;
    const texts = await tableArtifact(
      folder,
      many.map((prompt_id, i) => {
        const text = [0, 1, 2].map((at) => word(3 * i + at)).join(' ');
        return { prompt_id, text, 'score.TOXICITY': score(i) };
      }),
    );
    const file = path.join(folder, 'wordless');
    const data = Float32Array.from({ length: 240 * 4 }, (_, i) => noise(i + 5000));
    await writeStates(file, {
      states: { residual: { layers: [0], rowShape: [1, 4], pools: { prompt: { shape: [240, 1, 4], data } } } },
      rowsOf: { prompt: many.map((promptId) => ({ promptId, sample: null })) },
      dtype: 'float32',
      facts: {},
    });
    const tasks: number[] = [];
    for (const seed of [0, 1, 2, 3, 4, 5]) {
      const rows = await runStep('probe/train', folder, {
        states: artifact('tensors', file),
        prompts: texts,
        scenarios: ['input'],
        length: false,
        baselines: [],
        control: { permutations: 0 },
        seed,
      });
      const own = (await rows.rows('scores')).map((row) => Number(row.control_task));
      tasks.push(own.reduce((sum, value) => sum + value, 0) / own.length);
    }
    // Single draws of the task reach 0.15 here, by chance.
    expect(Math.max(...tasks.map(Math.abs)), tasks.join()).toBeLessThan(0.08);
  });

  it('repeats the published procedure with its five seeds', async () => {
    const config = { states: await states('paper'), prompts: await prompts(), scenarios: ['input'], length: false };
    const rows = await (await runStep('probe/train', folder, { ...config, mode: 'paper' })).rows('scores');
    const probes = rows.filter((row) => row.features === 'states' && row.layer === 1);
    expect(probes.map(({ seed, fold }) => [seed, fold])).toEqual(
      [0, 1, 2, 3, 4].flatMap((seed) => [0, 1, 2, 3].map((fold) => [seed, fold])),
    );
    expect(new Set(probes.map((row) => row.pearson)).size).toBe(20);
    expect(probes.every((row) => row.penalty === null && row.p === null && row.mode === 'paper')).toBe(true);
  });

  it('tells by compression which layer holds the score', async () => {
    const config = { states: await states('mdl'), prompts: await prompts(), scenarios: ['input'], length: false };
    const rows = await (await runStep('probe/train', folder, { ...config, description_length: true })).rows('scores');
    const compression = (layer: number) =>
      Number(rows.find((row) => row.features === 'states' && row.layer === layer)!.compression);
    expect(compression(1)).toBeGreaterThan(1.5);
    expect(compression(0)).toBeLessThan(1.2);
  });

  it('gives null with a reason for constant targets, and for targets without any score', async () => {
    const constant = {
      states: await states('s3'),
      prompts: await prompts(() => 0.5),
      scenarios: ['input'],
      length: false,
    };
    const rows = await (await runStep('probe/train', folder, constant)).rows('scores');
    expect(rows.every((row) => row.pearson === null && row.reason === 'constant_target')).toBe(true);
    const missing = {
      states: await states('s4'),
      prompts: await prompts(() => null),
      scenarios: ['input'],
      length: false,
    };
    const none = await (await runStep('probe/train', folder, missing)).rows('scores');
    expect(none.every((row) => row.pearson === null && row.reason !== null)).toBe(true);
  });

  it('tells classes of a label column, by name, and does not where states know nothing', async () => {
    const topics = ['law', 'no class', 'sport'];
    const topicOf = (i: number) => topics[Math.min(2, Math.floor(score(i) * 3))]!;
    const labelled = await tableArtifact(
      folder,
      ids.map((prompt_id, i) => ({
        prompt_id,
        text: `text ${i}`,
        topic: i === 7 ? null : topicOf(i),
        rude: score(i) > 0.5,
        'score.TOXICITY': score(i),
      })),
    );
    const config = {
      states: await states('s9'),
      prompts: labelled,
      scenarios: ['input'],
      control: { permutations: 9 },
    };
    const run = await runStep('probe/train', folder, { ...config, labels: ['topic', 'rude'], learner: 'logistic' });
    const rows = (await run.rows('scores')).filter(({ features }) => features === 'states');
    expect(new Set(rows.map((row) => `${row.target}|${row.class}`))).toEqual(
      new Set(['TOXICITY|>= 0.5', 'topic=law|law', 'topic=no class|no class', 'topic=sport|sport', 'rude|true']),
    );
    const meanOf = (column: string, match: object): number => {
      const found = rows.filter((row) => Object.entries(match).every(([key, value]) => row[key] === value));
      return found.reduce((sum, row) => sum + Number(row[column]), 0) / found.length;
    };
    expect(meanOf('auc', { target: 'rude', layer: 1 })).toBeGreaterThan(0.95);
    expect(meanOf('brier', { target: 'rude', layer: 1 })).toBeLessThan(0.1);
    expect(meanOf('balanced_accuracy', { target: 'rude', layer: 1 })).toBeGreaterThan(0.85);
    expect(Math.abs(meanOf('auc', { target: 'rude', layer: 0 }) - 0.5)).toBeLessThan(0.25);
    expect(meanOf('macro_f1', { target: 'topic=law', layer: 1 })).toBeGreaterThan(0.5);
    expect(meanOf('macro_f1', { target: 'topic=law' })).toBe(meanOf('macro_f1', { target: 'topic=sport' }));
    expect(meanOf('n', { target: 'topic=law' })).toBe((PROMPTS - 1) / 4);
    const weights = await openProbeWeights(run.path('weights'));
    const direction = (await weights!.vectors('input', 'directions'))('rude', 1);
    expect(Math.hypot(...direction)).toBeCloseTo(1, 5);
    expect(direction[0]).toBeGreaterThan(0.8);
    expect((await weights!.vectors('input', 'mean_differences'))('rude', 1)[0]).toBeGreaterThan(0.5);
  });

  it('says of a label of one class, and of one without any value, that there is nothing to tell', async () => {
    const labelled = await tableArtifact(
      folder,
      ids.map((prompt_id, i) => ({
        prompt_id,
        text: `text ${i}`,
        one: 'a',
        none: null,
        id: `x${i}`,
        'score.A': score(i),
      })),
    );
    const config = { states: await states('s10'), prompts: labelled, scenarios: ['input'], learner: 'logistic' };
    const rows = await (await runStep('probe/train', folder, { ...config, labels: ['one', 'none'] })).rows('scores');
    const reasons = (target: string) => new Set(rows.filter((row) => row.target === target).map((row) => row.reason));
    expect(reasons('one')).toEqual(new Set(['constant_target']));
    expect(reasons('none')).toEqual(new Set(['too_few_rows']));
    await expect(runStep('probe/train', folder, { ...config, labels: ['id'] })).rejects.toThrow(
      'the label column id has 60 values (x0, x1, x10, …), more than 50 classes',
    );
  });

  it('reads by a hidden layer what no linear probe can', async () => {
    const file = path.join(folder, 'curved');
    const n = 240;
    const many = Array.from({ length: n }, (_, i) => `c${i}`);
    const data = Float32Array.from({ length: n * 2 }, (_, i) => noise(i + 5) * 2 - 1);
    await writeStates(file, {
      states: { residual: { layers: [0], rowShape: [1, 2], pools: { prompt: { shape: [n, 1, 2], data } } } },
      rowsOf: { prompt: many.map((promptId) => ({ promptId, sample: null })) },
      dtype: 'float32',
      facts: { model: 'sha256:0', architecture: 'test' },
    });
    const table = await tableArtifact(
      folder,
      many.map((prompt_id, i) => ({ prompt_id, text: `t ${i}`, 'score.A': Math.abs(data[2 * i]!) })),
    );
    const config = {
      states: artifact('tensors', file),
      prompts: table,
      scenarios: ['input'],
      length: false,
      baselines: [],
    };
    const scoreBy = async (learner: string) => {
      const rows = await (await runStep('probe/train', folder, { ...config, learner })).rows('scores');
      expect(rows.every((row) => row.learner === learner)).toBe(true);
      return mean(rows, { features: 'states' });
    };
    expect(await scoreBy('ridge')).toBeLessThan(0.3);
    expect(await scoreBy('mlp')).toBeGreaterThan(0.8);
  });

  it('fits on the training side of a split of the user’s own and scores the test side', async () => {
    const side = (i: number) => (i % 3 === 0 ? 'test' : i === 1 ? 'dev' : 'train');
    const table = async (column: (i: number) => string | null) =>
      tableArtifact(
        folder,
        ids.map((prompt_id, i) => ({
          prompt_id,
          text: i === 2 ? 'TEXT 0' : `text ${i}`,
          part: column(i),
          'score.TOXICITY': score(i),
        })),
      );
    const config = {
      states: await states('s11'),
      scenarios: ['input'],
      length: false,
      predictions: true,
      split: 'part',
    };
    const run = await runStep('probe/train', folder, { ...config, prompts: await table(side) });
    const rows = (await run.rows('scores')).filter(({ features, layer }) => features === 'states' && layer === 1);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ fold: 0, n: PROMPTS / 3, p: 1 / 101 });
    expect(Number(rows[0]!.pooled)).toBe(Number(rows[0]!.pearson));
    const predicted = new Set((await run.rows('predictions')).map((row) => row.prompt_id));
    expect(predicted).toEqual(new Set(ids.filter((_, i) => i % 3 === 0)));
    expect(run.warnings.join('\n')).toContain(
      '1 of 60 prompts are neither `train` nor `test` in part: they are left out',
    );
    expect(run.warnings.join('\n')).toContain('1 of 20 test prompts share a group');
    await expect(runStep('probe/train', folder, { ...config, prompts: await table(() => 'training') })).rejects.toThrow(
      'the column part of the prompts says neither `train` nor `test`; it holds training',
    );
  });

  it('writes weights in raw units for every layer and target', async () => {
    const config = { states: await states('s5'), prompts: await prompts(), scenarios: ['input'], predictions: true };
    const result = await runStep('probe/train', folder, config);
    const { tensors, metadata } = await openSafetensors(result.path('weights'));
    expect(tensors.get('input.weights')!.shape).toEqual([2, 2, D]);
    expect(JSON.parse(metadata.targets!)).toEqual({ input: ['TOXICITY', 'length'] });
    expect(await result.rows('predictions')).toHaveLength(2 * 2 * PROMPTS);
  });

  it('says what a scenario lacks', async () => {
    const config = { states: await states('s6'), prompts: await prompts(), scenarios: ['backward'] };
    await expect(runStep('probe/train', folder, config)).rejects.toThrow(
      'the scenario backward cannot be probed: `scores` is missing',
    );
  });

  it('refuses scores of other continuations than the states are of, and says of how many', async () => {
    const strange = await tableArtifact(folder, [{ prompt_id: 'stranger', sample: 0, 'score.TOXICITY': 0.5 }]);
    const config = { states: await states('s7'), prompts: await prompts(), scores: strange, scenarios: ['output'] };
    await expect(runStep('probe/train', folder, config)).rejects.toThrow(
      '120 of 120 states of continuations match none of the rows of the scores (prompt p0, sample 0; prompt p0, sample 1, …); 1 of 1 rows of the scores match none of the states of continuations',
    );
    const { warnings } = await runStep('probe/train', folder, { ...config, length: false, unmatched: 'report' });
    expect(warnings).toContain(
      '1 of 1 rows of the scores match none of the states of continuations (prompt stranger, sample 0)',
    );
  });

  it('says where prompts and continuations were scored by two scorers, or refuses that', async () => {
    const rows = ids.flatMap((prompt_id, i) =>
      Array.from({ length: SAMPLES }, (_, sample) => ({
        prompt_id,
        sample,
        'score.TOXICITY': score(i),
        scorer: 'new:1',
      })),
    );
    const scores = await tableArtifact(folder, rows);
    const config = { states: await states('s9'), prompts: await prompts(), scores, length: false };
    const said = /scored by an unnamed scorer, the continuations by new:1/;
    const both = { ...config, scenarios: ['input', 'output'] };
    expect((await runStep('probe/train', folder, both)).warnings.join()).toMatch(said);
    await expect(runStep('probe/train', folder, { ...both, strict: true })).rejects.toThrow(said);
    const one = await runStep('probe/train', folder, { ...config, scenarios: ['output'], strict: true });
    expect(one.warnings.join()).not.toMatch(said);
  });

  it('keeps prompts that differ in case and white space alone, or share a group, in one fold', async () => {
    const twins = await tableArtifact(
      folder,
      ids.map((prompt_id, i) => ({
        prompt_id,
        text: i % 4 === 1 ? ` TEXT  ${i >> 1}` : `text ${(i >> 1) << (i % 4 > 1 ? 8 : 0)}${i % 4 === 3 ? '.' : ''}`,
        source: `s${i >> 1}`,
        'score.TOXICITY': score(i),
      })),
    );
    const config = {
      states: await states('s8'),
      prompts: twins,
      scenarios: ['input'],
      length: false,
      predictions: true,
    };
    const foldsWith = async (more: object) => {
      const result = await runStep('probe/train', folder, { ...config, ...more });
      const rows = await result.rows('predictions');
      return { warnings: result.warnings, foldOf: new Map(rows.map((row) => [row.prompt_id, row.fold])) };
    };
    const { foldOf, warnings } = await foldsWith({});
    for (let i = 0; i < PROMPTS; i += 4) expect(foldOf.get(`p${i}`)).toBe(foldOf.get(`p${i + 1}`));
    expect(warnings.join()).toContain(`${PROMPTS / 4} of ${PROMPTS} prompts repeat another one but for case`);
    const grouped = await foldsWith({ group: 'source' });
    for (let i = 0; i < PROMPTS; i += 2) expect(grouped.foldOf.get(`p${i}`)).toBe(grouped.foldOf.get(`p${i + 1}`));
    await expect(foldsWith({ group: 'sauce' })).rejects.toThrow('there is no column sauce to group by');
  });
});

describe('the shards of probe/train', () => {
  const largeStates = async (rows: number, wide = 4096) => {
    const target = path.join(folder, `large-${rows}-${wide}`);
    const promptIds = Array.from({ length: rows }, (_, i) => `p${i % PROMPTS}`);
    const data = Float32Array.from({ length: rows * 3 * wide }, (_, i) => ((i * 2_654_435_761) % 1009) / 1009);
    await writeStates(target, {
      states: {
        residual: { layers: [0, 4, 8], rowShape: [3, wide], pools: { continuation: { shape: [rows, 3, wide], data } } },
      },
      rowsOf: { continuation: promptIds.map((promptId, i) => ({ promptId, sample: Math.floor(i / PROMPTS) })) },
      dtype: 'float32',
      facts: {},
    });
    return artifact('tensors', target);
  };

  it('are its layers, where states are large, so that those that are done need not be done again', async () => {
    const { division } = STEP_KINDS.get('probe/train')!;
    const states = await largeStates(1200);
    const given = { prompts: artifact('table', folder), site: 'residual', baselines: [] };
    const shards = await division!.divide({ ...given, states } as never);
    expect(shards.map(({ range }) => range)).toEqual([
      { baselines: true, layers: [] },
      ...[0, 4, 8].map((layer) => ({ baselines: false, layers: [layer] })),
    ]);
    expect(await division!.divide({ ...given, states, layers: [4] } as never)).toEqual([]);
    expect(await division!.divide({ ...given, states: await largeStates(60) } as never)).toEqual([]);
  });

  it('have the baselines of texts apart, the same for all states of the same texts', async () => {
    const { division } = STEP_KINDS.get('probe/train')!;
    const given = { prompts: artifact('table', folder), site: 'residual', baselines: ['mean', 'bag_of_words'] };
    const of = async (rows: number, wide: number) =>
      division!.divide({ ...given, states: await largeStates(rows, wide) } as never);
    const [narrow, wide, other] = [await of(60, 4), await of(60, 5), await of(59, 4)];
    expect(narrow.map(({ range }) => range)).toEqual([
      { baselines: true, layers: [] },
      { baselines: false, layers: [0, 4, 8] },
    ]);
    expect(wide[0]!.identity).toEqual(narrow[0]!.identity);
    expect(wide[1]!.identity).not.toEqual(narrow[1]!.identity);
    expect(other[0]!.identity).not.toEqual(narrow[0]!.identity);
    const otherPrompts = { ...given, prompts: { ...given.prompts, digest: 'sha256:other' } };
    const [apart] = await division!.divide({ ...otherPrompts, states: await largeStates(60, 4) } as never);
    expect(apart!.identity).not.toEqual(narrow[0]!.identity);
  });
});

it('probe/train of layers apart is what it is of all together, byte for byte', async () => {
  const config = {
    states: await states('apart'),
    prompts: await prompts((i) => (i % 7 === 0 ? null : score(i))),
    scores: await scores(),
    continuations: await tableArtifact(
      folder,
      ids.flatMap((prompt_id, i) =>
        Array.from({ length: SAMPLES }, (_, sample) => ({ prompt_id, sample, text: `said ${i} ${sample}` })),
      ),
    ),
    control: { permutations: 3 },
    predictions: true,
  };
  const whole = await runStep('probe/train', folder, config);
  const kind = STEP_KINDS.get('probe/train')!;
  const parts: Record<string, string>[] = [];
  for (const shard of [
    { baselines: true, layers: [] },
    { baselines: false, layers: [0] },
    { baselines: false, layers: [1] },
  ]) {
    const run = await runStep('probe/train', folder, config, { shard });
    parts.push({ scores: run.path('scores'), weights: run.path('weights'), predictions: run.path('predictions') });
  }
  const output = (name: string) => path.join(folder, `joined-${name}`);
  const warnings: string[] = [];
  const log = (_: string, message: string) => warnings.push(message);
  await (await kind.load()).combine!({ config: withDefaults(kind.config, config), parts, output, log });
  for (const name of ['scores', 'weights', 'predictions']) {
    expect((await readFile(output(name))).equals(await readFile(whole.path(name))), name).toBe(true);
  }
  expect(whole.warnings).toEqual(expect.arrayContaining(warnings));
});
