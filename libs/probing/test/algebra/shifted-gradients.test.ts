import { describe, expect, test } from 'vitest';
import { openGemm } from '../../src/algebra/gemm.ts';
import { solveShifted } from '../../src/algebra/shifted-gradients.ts';
import { primalSolver } from '../../src/learners/ridge/primal.ts';
import { type Problem, stateShift } from '../../src/rows.ts';
import { noise, synthetic } from '../synthetic.ts';

const gemm = await openGemm(1);

describe('ridge weights of all penalties together', () => {
  const d = 520;
  const data = synthetic({ prompts: 700, rows: 1, d, seed: 5 });
  // Falling variances, and a column that is constant.
  const values = data.states.map((value, i) => (i % d === 7 ? 3 : value / (1 + (i % d) / 20)));
  const other = noise(3, 'other');
  const targets = Float64Array.from({ length: data.n * 2 }, (_, i) => (i % 2 === 0 ? data.values[i >> 1]! : other()));
  const problem: Problem = {
    states: { values, d },
    shift: stateShift({ values, d }),
    cells: [Int32Array.from({ length: data.n }, (_, row) => row)],
    targets,
    columns: 2,
    targetShift: new Float64Array(2),
    leading: 2,
    tunedOn: [[0], [1]],
  };
  test.each([true, false])('are those of a factor each (scaling %s)', async (scale) => {
    const set = await (await primalSolver(gemm, problem, scale)).trainingSet([0]);
    const penalties = [1e-8, 0.01, 1, 100, 1e4, 1e6];
    const together = await set.fitAll!(penalties, [0, 1]);
    for (const [p, penalty] of penalties.entries()) {
      const alone = (await set.fit(penalty, [0, 1]))!;
      const most = alone.weights.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0);
      for (const [i, weight] of alone.weights.entries()) {
        expect(Math.abs(together[p]!.weights[i]! - weight)).toBeLessThan(1e-7 * most);
      }
    }
  });
});

test('a system that is too ill-conditioned is left to a factor', async () => {
  const size = 400;
  const a = new Float64Array(size * size);
  for (let i = 0; i < size; i++) a[i * size + i] = 10 ** ((-14 * i) / size);
  const [hard, easy] = await solveShifted(gemm, a, size, [1e-14, 1], new Float64Array(size).fill(1), 1);
  expect(hard).toBeNull();
  for (let i = 0; i < size; i++) expect(easy![i]).toBeCloseTo(1 / (a[i * size + i]! + 1), 10);
});
