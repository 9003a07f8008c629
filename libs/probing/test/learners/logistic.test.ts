import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { matrix, openGemm } from '../../src/algebra/gemm.ts';
import { oneAgainstRest, trainProbes } from '../../src/index.ts';
import { minimise } from '../../src/learners/logistic/minimise.ts';
import { logisticSolver } from '../../src/learners/logistic/solver.ts';
import { type Problem, stateShift } from '../../src/rows.ts';
import { fixtureStates, fixtureTargets } from '../cases.ts';
import { readNpy } from '../npy.ts';
import { noise, one, optionsFor, synthetic } from '../synthetic.ts';

/** Results of scikit-learn (versions in the file) on the shared fixture of synthetic data; `logistic.py` made them. */
const golden = JSON.parse(readFileSync(new URL('../fixtures/logistic.json', import.meta.url), 'utf8')) as {
  median: number;
  edges: [number, number];
  fixed: {
    penalty: number;
    folds: { auc: number; macro_f1: number; balanced: number; brier: number; probabilities: number[] }[];
  }[];
  cv: { penalties: number[]; folds: { penalty: number; auc: number }[] };
  classes: { macro_f1: number; balanced: number; auc: number[] }[];
  multinomial: {
    penalty: number;
    folds: { macro_f1: number; balanced: number; log_loss: number; auc: number[]; probabilities: number[][] }[];
  }[];
  multinomial_cv: { penalties: number[]; chosen: number[] };
};

describe('scikit-learn agrees on', () => {
  const states = fixtureStates('tall');
  const targets = fixtureTargets('tall');
  const n = targets.length / 6;
  const folds = Int32Array.from(readNpy('outer_fold.npy').data);
  const groups = Array.from(readNpy('groups.npy').data, String);
  const column = (t: number) => Float64Array.from({ length: n }, (_, row) => targets[row * 6 + t]!);
  const two = column(0).map((value) => (value >= golden.median ? 1 : 0));
  const probe = (values: readonly Float64Array[], penalties: readonly number[], label?: string) =>
    trainProbes({
      states: states.values,
      d: states.d,
      groups,
      folds,
      seed: 0,
      targets: values.map((each, i) => ({ scenario: 'input', name: `${i}`, label, values: each })),
      learner: { name: 'logistic', penalties, extend: false },
    });
  test.each(golden.fixed)('two classes at penalty $penalty', async ({ penalty, folds: want }) => {
    const [got] = await probe([two], [penalty]);
    for (const [f, fold] of want.entries()) {
      const { scores } = got!.folds[f]!;
      expect(scores.auc.value).toBeCloseTo(fold.auc, 9);
      expect(scores.brier.value).toBeCloseTo(fold.brier, 7);
      expect(scores.macro_f1.value).toBeCloseTo(fold.macro_f1, 9);
      expect(scores.balanced_accuracy.value).toBeCloseTo(fold.balanced, 9);
    }
    const first = [...folds.keys()].filter((row) => folds[row] === 0);
    for (const [i, row] of first.entries()) expect(got!.predictions![row]).toBeCloseTo(want[0]!.probabilities[i]!, 6);
  });
  test('the penalty of least inner log loss', async () => {
    const [got] = await probe([two], golden.cv.penalties);
    expect(got!.folds.map(({ penalty }) => penalty)).toEqual(golden.cv.folds.map(({ penalty }) => penalty));
    for (const [f, { auc }] of golden.cv.folds.entries()) expect(got!.folds[f]!.scores.auc.value).toBeCloseTo(auc, 9);
  });
  const [low, high] = golden.edges;
  const classOf = column(1).map((value) => (value < low ? 0 : value < high ? 1 : 2));
  const indicators = [0, 1, 2].map((c) => classOf.map((value) => (value === c ? 1 : 0)));
  test.each(golden.multinomial)('three classes by softmax at penalty $penalty', async ({ penalty, folds: want }) => {
    const got = await probe(indicators, [penalty], 'third');
    const predicted = got.map(({ predictions }) => predictions!);
    for (const [f, fold] of want.entries()) {
      const rows = [...folds.keys()].filter((row) => folds[row] === f);
      const scores = oneAgainstRest(indicators, predicted, rows);
      expect(scores!.macroF1).toBeCloseTo(fold.macro_f1, 9);
      expect(scores!.balancedAccuracy).toBeCloseTo(fold.balanced, 9);
      const loss = rows.reduce((sum, row) => sum - Math.log(predicted[classOf[row]!]![row]!) / rows.length, 0);
      expect(loss).toBeCloseTo(fold.log_loss, 6);
      for (const [c, auc] of fold.auc.entries()) expect(got[c]!.folds[f]!.scores.auc.value).toBeCloseTo(auc, 9);
      for (const [i, own] of fold.probabilities.entries()) {
        for (const [c, p] of own.entries()) expect(predicted[c]![rows[i]!]).toBeCloseTo(p, 6);
      }
    }
  });
  test('the penalty of least inner cross-entropy, one for all classes', async () => {
    const got = await probe(indicators, golden.multinomial_cv.penalties, 'third');
    for (const { folds: of } of got) expect(of.map(({ penalty }) => penalty)).toEqual(golden.multinomial_cv.chosen);
  });
  test('three classes, each against the rest', async () => {
    const got = await probe(indicators, [1]);
    for (const [f, want] of golden.classes.entries()) {
      const rows = [...folds.keys()].filter((row) => folds[row] === f);
      const scores = oneAgainstRest(
        indicators,
        got.map(({ predictions }) => predictions!),
        rows,
      );
      expect(scores!.macroF1).toBeCloseTo(want.macro_f1, 9);
      expect(scores!.balancedAccuracy).toBeCloseTo(want.balanced, 9);
      for (const [c, auc] of want.auc.entries()) expect(got[c]!.folds[f]!.scores.auc.value).toBeCloseTo(auc, 9);
    }
  });
});

const data = synthetic({ prompts: 120, rows: 2, d: 6, seed: 71, noise: 1 });
const binary = data.values.map((value) => (value > 0 ? 1 : 0));

/** The largest slope, a row, of the penalised loss at the kept probe of which values are positive, by any weight. */
async function largestSlope(data: ReturnType<typeof synthetic>, d: number, penalty: number): Promise<number> {
  const { states, n } = data;
  const labels = data.values.map((value) => (value > 0 ? 1 : 0));
  const targets = [{ scenario: 'output', name: 'high', values: labels }];
  const { refit } = await one(optionsFor(data, { learner: { name: 'logistic', penalties: [penalty] }, targets }));
  const residuals = labels.map((label, row) => {
    let logit = refit!.intercept;
    for (let j = 0; j < d; j++) logit += refit!.weights[j]! * states[row * d + j]!;
    return 1 / (1 + Math.exp(-logit)) - label;
  });
  let largest = Math.abs(residuals.reduce((sum, value) => sum + value, 0));
  for (let j = 0; j < d; j++) {
    const column = Float64Array.from(labels, (_, row) => states[row * d + j]!);
    const mean = column.reduce((sum, value) => sum + value / n, 0);
    const spread = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2 / n, 0));
    if (spread === 0) continue;
    const slope = column.reduce((sum, value, row) => sum + (residuals[row]! * (value - mean)) / spread, 0);
    largest = Math.max(largest, Math.abs(slope + penalty * refit!.weights[j]! * spread));
  }
  return largest / n;
}

describe('logistic probe', () => {
  test.each([true, false])('is at the minimum of its loss (scaling %s)', async (scale) => {
    const states = { values: data.states, d: 6 };
    const problem: Problem = {
      states,
      shift: stateShift(states),
      cells: [Int32Array.from({ length: data.n }, (_, row) => row)],
      targets: binary,
      columns: 1,
      targetShift: Float64Array.of(0),
      leading: 1,
      tunedOn: [[0]],
    };
    const solver = logisticSolver(await openGemm(1), problem, [{ low: 0, high: 1 }], scale);
    const { weights, intercepts } = (await (await solver.trainingSet([0])).fit(3, [0]))!;
    const x = (row: number, j: number) => data.states[row * 6 + j]! - problem.shift[j]!;
    const rows = [...problem.cells[0]!];
    const residuals = rows.map((row) => {
      const logit = weights.reduce((sum, weight, j) => sum + weight * x(row, j), intercepts[0]!);
      return 1 / (1 + Math.exp(-logit)) - binary[row]!;
    });
    expect(residuals.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 5);
    for (const [j, weight] of weights.entries()) {
      const mean = rows.reduce((sum, row) => sum + x(row, j) / data.n, 0);
      const variance = scale ? rows.reduce((sum, row) => sum + (x(row, j) - mean) ** 2 / data.n, 0) : 1;
      const gradient = rows.reduce((sum, row) => sum + residuals[row]! * x(row, j), 0);
      expect(gradient + 3 * variance * weight).toBeCloseTo(0, 5);
    }
  });
  test('tells two classes apart, and noise not', async () => {
    const random = noise(8, 'unrelated');
    const targets = [
      { scenario: 'output', name: 'planted', values: binary },
      { scenario: 'output', name: 'noise', values: Float64Array.from(binary, () => (random() > 0 ? 1 : 0)) },
    ];
    const learner = { name: 'logistic', penalties: [0.1, 1, 10, 100] } as const;
    const [planted, unrelated] = await trainProbes(optionsFor(data, { learner, targets, permutations: 19 }));
    expect(planted!.pooled.auc.value!).toBeGreaterThan(0.85);
    expect(planted!.pooled.macro_f1.value!).toBeGreaterThan(0.75);
    expect(planted!.pooled.brier.value!).toBeLessThan(0.18);
    expect(planted!.permuted!.p).toBe(0.05);
    expect(Math.abs(unrelated!.pooled.auc.value! - 0.5)).toBeLessThan(0.12);
    expect(planted!.predictions!.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
  test.each([1e-6, 1e7, 1e9])('has a minimum at penalty %s, whatever the intercept', async (penalty) => {
    const rare = data.values.map((value) => (value > 1 ? 1 : 0));
    const targets = [{ scenario: 'output', name: 'rare', values: rare }];
    const got = await one(optionsFor(data, { learner: { name: 'logistic', penalties: [penalty] }, targets }));
    // The intercept is free: probabilities average to the share of the class, however large the penalty.
    const share = rare.reduce((sum, value) => sum + value, 0) / data.n;
    const mean = got.predictions!.reduce((sum, value) => sum + value, 0) / data.n;
    expect(Math.abs(mean - share)).toBeLessThan(0.02);
  });
  test('reaches the minimum where columns are nearly the same, as those of a language model are', async () => {
    const [d, penalty] = [64, 0.1];
    const plain = synthetic({ prompts: 200, rows: 1, d, seed: 3, noise: 3 });
    // All columns share five, and each goes on from the one before.
    const states = plain.states.slice();
    for (let start = 0; start < states.length; start += d) {
      let carried = 0;
      for (let j = 0; j < d; j++) {
        carried = 0.95 * carried + plain.states[start + j]!;
        states[start + j] = carried + 20 * plain.states[start + (j % 5)]!;
      }
    }
    expect(await largestSlope({ ...plain, states }, d, penalty)).toBeLessThan(1e-6);
  });
  test.each([1e-2, 1, 1e3])(
    'reaches the minimum of fewer rows than columns, some of them alike (penalty %s)',
    async (penalty) => {
      const d = 96;
      const plain = synthetic({ prompts: 60, rows: 1, d, seed: 4, noise: 3 });
      const states = plain.states.slice();
      for (let row = 30; row < 40; row++) states.copyWithin(row * d, (row - 30) * d, (row - 29) * d);
      for (let row = 0; row < plain.n; row++) states[row * d + 5] = 7;
      expect(await largestSlope({ ...plain, states }, d, penalty)).toBeLessThan(1e-6);
    },
  );
  test.each([1e7, 1e9])(
    'is found in a few steps where a penalty of %s leaves next to nothing of the weights',
    async (penalty) => {
      const [n, d, random] = [45, 8, noise(9, 'unrelated')];
      const inputs = Float64Array.from({ length: n * (d + 1) }, (_, at) => (at % (d + 1) === d ? 1 : random()));
      const labels = Array.from({ length: 40 }, () => ({
        classes: 1,
        values: Float64Array.from({ length: n }, () => (random() > 0 ? 1 : 0)),
      }));
      let steps = 0;
      const found = await minimise(await openGemm(1), matrix(inputs, n, d + 1), labels, penalty, async (vectors) => {
        steps++;
        return vectors.map((value) => value / (n / 4 + penalty));
      });
      expect(found).not.toBeNull();
      expect(steps).toBeLessThan(20);
    },
  );
  test('of a single class says so', async () => {
    const learner = { name: 'logistic', penalties: [1, 10] } as const;
    const targets = [{ scenario: 'output', name: 'all', values: binary.map(() => 1) }];
    const got = await one(optionsFor(data, { learner, targets }));
    for (const { scores } of got.folds) expect(scores.auc).toEqual({ value: null, reason: 'constant_target' });
    expect(got.predictions!.every((value) => value === 1)).toBe(true);
  });
  test('a class that a training set lacks is given next to nothing, and the others share the rest', async () => {
    const folds = Int32Array.from({ length: data.n }, (_, row) => Math.floor(row / 2) % 4);
    const classOf = data.values.map((value, row) => (folds[row] === 0 && value > 0 ? 2 : value > 0 ? 1 : 0));
    const targets = [0, 1, 2].map((c) => ({
      scenario: 'output',
      name: `${c}`,
      label: 'kind',
      values: classOf.map((own) => (own === c ? 1 : 0)),
    }));
    const learner = { name: 'logistic', penalties: [1, 10] } as const;
    const got = await trainProbes(optionsFor(data, { learner, targets, folds, permutations: 3 }));
    const predicted = got.map(({ predictions }) => predictions!);
    for (let row = 0; row < data.n; row++) {
      expect(predicted.reduce((sum, of) => sum + of[row]!, 0)).toBeCloseTo(1, 12);
      if (folds[row] === 0) expect(predicted[2]![row]).toBeLessThan(1e-9);
    }
  });
  test('refuses rows of two classes of one target, or of none', async () => {
    const targets = ['a', 'b', 'c'].map((name) => ({ scenario: 'output', name, label: 'kind', values: binary }));
    const learner = { name: 'logistic', penalties: [1, 10] } as const;
    await expect(trainProbes(optionsFor(data, { learner, targets }))).rejects.toThrow(/has [03] of the 3 classes/);
  });
  test('refuses a target of more values', async () => {
    await expect(trainProbes(optionsFor(data, { learner: { name: 'logistic', penalties: [1, 10] } }))).rejects.toThrow(
      'more than two values',
    );
  });
});
