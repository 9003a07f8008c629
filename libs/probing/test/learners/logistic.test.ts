import { describe, expect, test } from 'vitest';
import { openGemm } from '../../src/algebra/gemm.ts';
import { trainProbes } from '../../src/index.ts';
import { logisticSolver } from '../../src/learners/logistic/solver.ts';
import { type Problem, stateShift } from '../../src/rows.ts';
import { noise, one, optionsFor, synthetic } from '../synthetic.ts';

const data = synthetic({ prompts: 120, rows: 2, d: 6, seed: 71, noise: 1 });
const binary = data.values.map((value) => (value > 0 ? 1 : 0));

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
  test('of a single class says so', async () => {
    const learner = { name: 'logistic', penalties: [1, 10] } as const;
    const targets = [{ scenario: 'output', name: 'all', values: binary.map(() => 1) }];
    const got = await one(optionsFor(data, { learner, targets }));
    for (const { scores } of got.folds) expect(scores.auc).toEqual({ value: null, reason: 'constant_target' });
    expect(got.predictions!.every((value) => value === 1)).toBe(true);
  });
  test('refuses a target of more values', async () => {
    await expect(trainProbes(optionsFor(data, { learner: { name: 'logistic', penalties: [1, 10] } }))).rejects.toThrow(
      'more than two values',
    );
  });
});
