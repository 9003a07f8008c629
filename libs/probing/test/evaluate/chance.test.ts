import { describe, expect, test } from 'vitest';
import { bagOfWords, controlTasks, groupedFolds, trainProbes } from '../../src/index.ts';
import { noise, one, optionsFor, PENALTIES, synthetic } from '../synthetic.ts';

describe('permuted labels', () => {
  const data = synthetic({ prompts: 80, rows: 2, d: 6, seed: 51 });
  const random = noise(6, 'unrelated');
  test('give a null distribution around zero: small p for a planted target, any for noise', async () => {
    const targets = [
      { scenario: 'output', name: 'planted', values: data.values },
      { scenario: 'output', name: 'noise', values: Float64Array.from({ length: data.n }, random) },
    ];
    const [planted, unrelated] = await trainProbes(optionsFor(data, { targets, permutations: 100 }));
    expect(planted!.permuted!.p).toBe(1 / 101);
    expect(unrelated!.permuted!.p!).toBeGreaterThan(0.05);
    for (const { permuted } of [planted!, unrelated!]) {
      const { distribution } = permuted!;
      expect(distribution.length).toBe(100);
      const mean = distribution.reduce((sum, value) => sum + value / distribution.length, 0);
      expect(Math.abs(mean)).toBeLessThan(0.05);
    }
  });
  test('choose their own penalty unless told otherwise', async () => {
    const own = await one(optionsFor(data, { permutations: 5 }));
    const targets = await one(optionsFor(data, { permutations: 5, permutationPenalty: 'target' }));
    expect(own.permuted!.distribution).not.toEqual(targets.permuted!.distribution);
    expect(own.folds.map(({ scores }) => scores)).toEqual(targets.folds.map(({ scores }) => scores));
  });
  test('are fitted as targets of their own are, though most penalties need not be tried', async () => {
    const permutations = 60;
    const options = optionsFor(data, { permutations });
    const { permuted } = await one(options);
    const rows = Int32Array.from(data.values.keys());
    const { permutedRows } = await import('../../src/evaluate/permutations.ts');
    const targets = permutedRows(options.groups, rows, permutations, options.seed).map((sources, p) => ({
      scenario: 'output',
      name: `permuted-${p}`,
      values: Float64Array.from(sources, (row) => data.values[row]!),
    }));
    const learner = { ...options.learner, extend: false } as typeof options.learner;
    const [narrow, whole] = [
      await one({ ...options, learner }),
      await trainProbes({ ...options, learner, targets, permutations: 0 }),
    ];
    expect(permuted!.distribution.length).toBe(permutations);
    const differ = whole.filter(
      ({ foldMean }, p) => Math.abs(foldMean.value! - narrow.permuted!.distribution[p]!) > 1e-9,
    );
    expect(differ.length).toBeLessThan(permutations / 10);
    const sorted = (values: Float64Array) => values.slice().sort();
    const all = sorted(Float64Array.from(whole, ({ foldMean }) => foldMean.value!));
    for (const [i, value] of sorted(narrow.permuted!.distribution).entries())
      expect(Math.abs(value - all[i]!)).toBeLessThan(0.05);
  });
  test('give no distribution where none is asked for', async () => {
    expect((await one(optionsFor(data))).permuted).toBeNull();
  });
});

describe('the control task', () => {
  const words = ['ash', 'birch', 'cedar', 'elm', 'fir', 'hazel', 'larch', 'oak', 'pine', 'rowan', 'willow', 'yew'];
  const random = noise(7, 'texts');
  const texts = Array.from({ length: 240 }, () =>
    Array.from({ length: 4 }, () => words[Math.floor(((random() + 1) / 2) * words.length)]).join(' '),
  );
  const values = Float64Array.from(texts, (_, row) => (row % 10 === 3 ? Number.NaN : (random() + 1) / 2));
  const rows = Int32Array.from(values.keys()).filter((row) => !Number.isNaN(values[row]!));
  /** The scores of a draw's task: [n]. */
  const taskOf = (seed: number) =>
    Float64Array.from(controlTasks(texts)(seed)(rows), (source) => values[source] ?? Number.NaN);
  test('gives a text the score of a row drawn for a word type in it', () => {
    const sources = controlTasks(texts)(0)(rows);
    for (const [row, source] of sources.entries()) expect(source >= 0).toBe(rows.includes(row));
    expect([...sources].every((source) => source === -1 || rows.includes(source))).toBe(true);
    expect(new Set(sources).size).toBeLessThanOrEqual(words.length + 1);
    expect(controlTasks(texts)(0)(rows)).toEqual(sources);
    expect(controlTasks(texts)(1)(rows)).not.toEqual(sources);
  });
  test('has the same score for the same text, whatever stands beside it', () => {
    const sources = controlTasks([texts[0]!, ...texts.slice(0, 40)])(0)(Int32Array.from({ length: 41 }, (_, i) => i));
    expect(sources[0]).toBe(sources[1]);
  });
  test('is reached by a probe that can tell words, while permuted labels are not', async () => {
    const groups = texts.map((_, row) => `p${row}`);
    const result = await one({
      ...bagOfWords(texts, 256),
      groups,
      folds: groupedFolds(groups, 4, 0),
      seed: 0,
      learner: { name: 'ridge', penalties: PENALTIES },
      permutations: 20,
      targets: [{ scenario: 'input', name: 'control', values: taskOf(0) }],
    });
    expect(result.foldMean.value!).toBeGreaterThan(0.5);
    expect(Math.max(...result.permuted!.distribution)).toBeLessThan(0.35);
  });
  test('has one score for all texts without a word that recurs', () => {
    for (const seed of [0, 1, 2, 3]) {
      const [first, second, lonely, empty] = controlTasks(['one two', 'two', 'lonely', ''])(seed)(
        Int32Array.of(0, 1, 2, 3),
      );
      expect(first).toBe(second);
      expect(lonely).toBe(empty);
    }
  });
  test('beside targets and permutations is fitted as a target of its own is, and changes nothing of theirs', async () => {
    const { d, states } = bagOfWords(texts, 16);
    const groups = texts.map((_, row) => `p${row}`);
    const common = {
      ...{ states, d, groups, seed: 0, permutations: 20 },
      folds: groupedFolds(groups, 4, 0),
      learner: { name: 'ridge', penalties: PENALTIES, extend: false },
    } as const;
    const target = { scenario: 'input', name: 'target', values };
    const together = await one({ ...common, targets: [target], controls: [0, 1].map(controlTasks(texts)) });
    const alone = await one({ ...common, targets: [target] });
    const own = await trainProbes({
      ...common,
      permutations: 0,
      targets: [0, 1].map((seed) => ({ ...target, name: `draw ${seed}`, values: taskOf(seed) })),
    });
    for (const [place, fold] of together.folds.entries()) {
      const { control, ...rest } = fold;
      expect({ ...rest, control: null }).toEqual(alone.folds[place]);
      const drawn = own.map(({ folds }) => folds[place]!.scores.pearson.value!);
      expect(control).toBeCloseTo((drawn[0]! + drawn[1]!) / 2, 6);
    }
    expect(together.permuted).toEqual(alone.permuted);
    expect(together.refit).toEqual(alone.refit);
  });
});
