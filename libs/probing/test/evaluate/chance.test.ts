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
  test('gives a text the value of a word type in it, drawn from the scores', () => {
    const labels = controlTasks(texts)(0)(values);
    const known = new Set(values);
    for (const [row, label] of labels.entries()) {
      expect(known.has(label)).toBe(true);
      expect(Number.isNaN(label)).toBe(Number.isNaN(values[row]!));
    }
    expect(new Set(labels).size).toBeLessThanOrEqual(words.length + 1);
    expect(controlTasks(texts)(0)(values)).toEqual(labels);
    expect(controlTasks(texts)(1)(values)).not.toEqual(labels);
  });
  test('has the same label for the same text, whatever stands beside it', () => {
    const labels = controlTasks([texts[0]!, ...texts.slice(0, 40)])(0)(values.slice(0, 41).fill(0.5, 0, 1));
    expect(labels[0]).toBe(labels[1]);
  });
  test('is reached by a probe that can tell words, while permuted labels are not', async () => {
    const groups = texts.map((_, row) => `p${row}`);
    const target = controlTasks(texts)(0)(values);
    const result = await one({
      ...bagOfWords(texts, 256),
      groups,
      folds: groupedFolds(groups, 4, 0),
      seed: 0,
      learner: { name: 'ridge', penalties: PENALTIES },
      permutations: 20,
      targets: [{ scenario: 'input', name: 'control', values: target }],
    });
    expect(result.foldMean.value!).toBeGreaterThan(0.5);
    expect(Math.max(...result.permuted!.distribution)).toBeLessThan(0.35);
  });
  test('leaves out texts without a word that recurs', () => {
    const labels = controlTasks(['one two', 'two', 'lonely', ''])(0)(Float64Array.of(0.1, 0.2, 0.3, 0.4));
    expect([...labels].map(Number.isNaN)).toEqual([false, false, true, true]);
  });
});
