import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupedFolds, type LearnerChoice, trainProbes } from '../src/index.ts';
import { average, naiveRidge } from './naive.ts';
import { noise, one, optionsFor, synthetic } from './synthetic.ts';

describe('a probe agrees with nested cross-validation by normal equations', () => {
  test.each([true, false])('with scaling %s', async (scale) => {
    const data = synthetic({ prompts: 20, rows: 3, d: 5, seed: 1 });
    for (let row = 0; row < data.n; row++) data.states[row * 5 + 2] = 90 + 20 * data.states[row * 5 + 2]!;
    const penalties = [0.1, 10, 1000];
    const options = optionsFor(data, { scale, penalties });
    const got = await one(options);
    const x = Array.from({ length: data.n }, (_, row) => [...data.states.subarray(row * 5, row * 5 + 5)]);
    const rowsWhere = (keep: (fold: number) => boolean) =>
      Array.from({ length: data.n }, (_, row) => row).filter((row) => keep(options.folds[row]!));
    const fit = (rows: number[], penalty: number) =>
      naiveRidge(
        rows.map((row) => x[row]!),
        rows.map((row) => data.values[row]!),
        penalty,
        scale,
      );
    for (let f = 0; f < 4; f++) {
      const innerError = penalties.map((penalty) => {
        let sum = 0;
        for (const q of [0, 1, 2, 3].filter((fold) => fold !== f)) {
          const { predict } = fit(
            rowsWhere((fold) => fold !== f && fold !== q),
            penalty,
          );
          for (const row of rowsWhere((fold) => fold === q)) sum += (data.values[row]! - predict(x[row]!)) ** 2;
        }
        return sum;
      });
      const penalty = penalties[innerError.indexOf(Math.min(...innerError))]!;
      const { predict } = fit(
        rowsWhere((fold) => fold !== f),
        penalty,
      );
      const held = rowsWhere((fold) => fold === f);
      expect(got.folds[f]).toMatchObject({ fold: f, penalty, n: held.length });
      for (const row of held) expect(got.predictions![row]).toBeCloseTo(predict(x[row]!), 9);
      expect(got.folds[f]!.scores.mse.value!).toBeCloseTo(
        average(held.map((row) => (data.values[row]! - predict(x[row]!)) ** 2)),
        10,
      );
    }
    const { weights, predict } = fit(
      rowsWhere(() => true),
      got.refit!.penalty!,
    );
    for (const [j, weight] of weights.entries()) expect(got.refit!.weights[j]).toBeCloseTo(weight, 9);
    const mapped = x[7]!.reduce((sum, value, j) => sum + value * got.refit!.weights[j]!, got.refit!.intercept);
    expect(mapped).toBeCloseTo(predict(x[7]!), 9);
  });
});

describe.each([
  ['more rows than dimensions, three panels', 400, 300],
  ['fewer rows than dimensions, two panels', 180, 300],
])('%s', (_, n, d) => {
  test.each([true, false])('the refit is at the minimum (scaling %s)', async (scale) => {
    const data = synthetic({ prompts: n, rows: 1, d, seed: 2 });
    const { refit } = await one(optionsFor(data, { scale, penalties: [7] }));
    const residuals = Float64Array.from(data.values, (value, row) => {
      let predicted = refit!.intercept;
      for (let j = 0; j < d; j++) predicted += data.states[row * d + j]! * refit!.weights[j]!;
      return value - predicted;
    });
    expect(Math.abs(residuals.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-9);
    for (let j = 0; j < d; j++) {
      const column = Array.from({ length: n }, (_, row) => data.states[row * d + j]!);
      const mean = average(column);
      const variance = scale ? average(column.map((value) => (value - mean) ** 2)) : 1;
      const gradient = column.reduce((sum, value, row) => sum + (value - mean) * residuals[row]!, 0);
      expect(gradient).toBeCloseTo(7 * variance * refit!.weights[j]!, 9);
    }
  });
});

describe('permuted labels', () => {
  test('score about zero, whatever the target', async () => {
    const data = synthetic({ prompts: 150, rows: 2, d: 12, seed: 3 });
    const random = noise(3, 'unrelated');
    const results = await trainProbes(
      optionsFor(data, {
        permutations: 10,
        targets: [
          { scenario: 'output', name: 'readable', values: data.values },
          { scenario: 'output', name: 'noise', values: Float64Array.from({ length: data.n }, random) },
        ],
      }),
    );
    expect(results[0]!.foldMean.value).toBeGreaterThan(0.85);
    for (const { folds } of results) {
      expect(Math.abs(average(folds.map(({ permuted }) => permuted!)))).toBeLessThan(0.08);
      expect(folds.map(({ control }) => control)).toEqual([null, null, null, null]);
    }
  });
  test('labels move with their prompt: a target that is the same within a prompt stays so', async () => {
    const { permutedRows } = await import('../src/evaluate/permutations.ts');
    const groups = ['a', 'a', 'b', 'b', 'c', 'd', 'd', 'd'];
    const rows = Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    for (const sources of permutedRows(groups, rows, 20, 1)) {
      const from = new Map<string, Set<string>>();
      for (const [row, source] of sources.entries()) {
        from.set(groups[row]!, (from.get(groups[row]!) ?? new Set()).add(groups[source]!));
      }
      expect([...from.values()].every((sourceGroups) => sourceGroups.size === 1)).toBe(true);
      expect(new Set([...from.values()].flatMap((s) => [...s])).size).toBe(4);
    }
  });
});

const TOO_FEW = {
  pearson: { value: null, reason: 'too_few_rows' },
  mse: { value: null, reason: 'too_few_rows' },
};

describe('what cannot be scored is null with its reason, never NaN', () => {
  test('a constant target', async () => {
    const data = synthetic({ prompts: 12, rows: 2, d: 3, seed: 4 });
    const got = await one(optionsFor({ ...data, values: data.values.fill(0.1) }, { permutations: 2 }));
    for (const fold of got.folds) {
      expect(fold).toMatchObject({
        scores: { pearson: { value: null, reason: 'constant_target' }, mse: { value: 0 } },
        permuted: null,
      });
    }
    expect([...got.refit!.weights]).toEqual([0, 0, 0]);
    expect(got.refit!.intercept).toBe(0.1);
  });
  test('constant states', async () => {
    const data = synthetic({ prompts: 12, rows: 2, d: 3, seed: 4 });
    data.states.fill(1.1);
    const got = await one(optionsFor(data));
    for (const fold of got.folds)
      expect(fold).toMatchObject({ scores: { pearson: { value: null, reason: 'constant_prediction' } } });
  });
  test('a target without any score, and with two', async () => {
    const data = synthetic({ prompts: 12, rows: 2, d: 3, seed: 4 });
    for (const kept of [0, 2]) {
      const values = Float64Array.from(data.values, (value, row) => (row < kept ? value : Number.NaN));
      const got = await one(optionsFor({ ...data, values }, { permutations: 1 }));
      expect(got).toMatchObject({ n: kept, missing: data.n - kept, predictions: null, refit: null });
      for (const fold of got.folds) expect(fold).toMatchObject({ scores: TOO_FEW });
    }
  });
  test('a fold without any score, while the other folds have theirs', async () => {
    const data = synthetic({ prompts: 20, rows: 2, d: 3, seed: 4 });
    const folds = groupedFolds(data.groups, 4, 0);
    const values = Float64Array.from(data.values, (value, row) => (folds[row] === 1 ? Number.NaN : value));
    const got = await one(optionsFor({ ...data, values }, { folds, permutations: 1 }));
    expect(got.folds[1]).toMatchObject({ n: 0, scores: TOO_FEW, permuted: null });
    for (const fold of [0, 2, 3]) expect(got.folds[fold]!.scores.pearson.value!).toBeGreaterThan(0.5);
    expect(got.predictions!.every(Number.isFinite)).toBe(true);
  });
  test('no number in any result is NaN while scores are missing', async () => {
    const data = synthetic({ prompts: 30, rows: 2, d: 6, seed: 5 });
    const values = Float64Array.from(data.values, (value, row) => (row % 5 === 0 ? Number.NaN : value));
    const got = await one(optionsFor({ ...data, values }, { permutations: 3 }));
    expect(got.missing).toBe(12);
    expect(got.predictions!.some(Number.isNaN)).toBe(false);
    for (const { scores, permuted } of got.folds) {
      for (const name of ['pearson', 'mse', 'r2', 'within_pearson'] as const) expect(scores[name].value).not.toBeNull();
      expect(scores.auc).toEqual({ value: null, reason: 'not_binary' });
      expect(permuted).not.toBeNull();
    }
  });
});

test('rows without a score are left out as if they were not there', async () => {
  const data = synthetic({ prompts: 40, rows: 2, d: 6, seed: 6 });
  const drop = (row: number) => row % 7 === 3;
  const folds = groupedFolds(data.groups, 4, 0);
  const values = Float64Array.from(data.values, (value, row) => (drop(row) ? Number.NaN : value));
  const missing = await one(optionsFor({ ...data, values }, { folds }));
  const kept = Array.from({ length: data.n }, (_, row) => row).filter((row) => !drop(row));
  const without = await one({
    ...optionsFor(data),
    states: Float32Array.from(kept.flatMap((row) => [...data.states.subarray(row * 6, row * 6 + 6)])),
    groups: kept.map((row) => data.groups[row]!),
    folds: Int32Array.from(kept, (row) => folds[row]!),
    targets: [{ scenario: 'output', name: 'TOXICITY', values: Float64Array.from(kept, (row) => values[row]!) }],
  });
  for (const [fold, want] of without.folds.entries()) {
    expect(missing.folds[fold]!.scores.pearson.value).toBeCloseTo(want.scores.pearson.value!, 9);
    expect(missing.folds[fold]!.penalty).toBe(want.penalty);
  }
});

test('targets given together get what each gets alone', async () => {
  const data = synthetic({ prompts: 30, rows: 2, d: 6, seed: 7 });
  const values = Float64Array.from(data.values, (value, row) => (row === 4 ? Number.NaN : value ** 2));
  const targets = [
    { scenario: 'forward', name: 'a', values: data.values },
    { scenario: 'output', name: 'b', values },
    { scenario: 'output', name: 'c', values: data.values.map((value) => value ** 3) },
  ];
  const together = await trainProbes(optionsFor(data, { targets, permutations: 2 }));
  for (const [t, target] of targets.entries()) {
    const alone = await one(optionsFor(data, { targets: [target], permutations: 2 }));
    expect(together[t]).toMatchObject({ scenario: target.scenario, target: target.name, n: alone.n });
    for (const [fold, want] of alone.folds.entries()) {
      expect(together[t]!.folds[fold]!.scores.pearson.value).toBeCloseTo(want.scores.pearson.value!, 9);
      expect(together[t]!.folds[fold]!.permuted).toBeCloseTo(want.permuted!, 9);
    }
  }
});

describe('invariance', () => {
  const data = synthetic({ prompts: 25, rows: 2, d: 4, seed: 8 });
  test('of the score to a shift and scale of the target', async () => {
    const plain = await one(optionsFor(data));
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.01, max: 1e3, noNaN: true }),
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        async (scale, shift) => {
          const moved = await one(optionsFor({ ...data, values: data.values.map((value) => shift - scale * value) }));
          for (const [fold, want] of plain.folds.entries()) {
            expect(moved.folds[fold]!.scores.pearson.value).toBeCloseTo(want.scores.pearson.value!, 5);
            expect(moved.folds[fold]!.scores.mse.value! / scale ** 2).toBeCloseTo(want.scores.mse.value!, 5);
          }
        },
      ),
      { numRuns: 15 },
    );
  });
  test('to the order of rows', async () => {
    const plain = await one(optionsFor(data, { permutations: 2 }));
    const key = fc.array(fc.nat(), { minLength: 25, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(key, async (keys) => {
        // Prompts move; a prompt's rows keep their order, which tells its continuations apart.
        const order = keys
          .map((value, prompt) => ({ value, prompt }))
          .sort((a, b) => a.value - b.value)
          .flatMap(({ prompt }) => [2 * prompt, 2 * prompt + 1]);
        const moved = {
          ...data,
          groups: order.map((row) => data.groups[row]!),
          states: Float32Array.from(order.flatMap((row) => [...data.states.subarray(row * 4, row * 4 + 4)])),
          values: Float64Array.from(order, (row) => data.values[row]!),
        };
        const got = await one(optionsFor(moved, { permutations: 2 }));
        for (const [fold, want] of plain.folds.entries()) {
          expect(got.folds[fold]!.scores.pearson.value).toBeCloseTo(want.scores.pearson.value!, 9);
          expect(got.folds[fold]!.permuted).toBeCloseTo(want.permuted!, 9);
        }
      }),
      { numRuns: 15 },
    );
  });
  test('to threads and repetition, byte for byte', async () => {
    const big = synthetic({ prompts: 300, rows: 2, d: 200, seed: 9 });
    const more = { permutations: 2, penalties: [10] };
    const first = await one(optionsFor(big, more));
    expect(await one(optionsFor(big, more))).toEqual(first);
    expect(await one(optionsFor(big, { ...more, threads: 2 }))).toEqual(first);
  });
  test('states that are read a piece at a time give the same bytes', async () => {
    const big = synthetic({ prompts: 300, rows: 5, d: 12, seed: 9 });
    const read = (rows: Int32Array) =>
      Float32Array.from({ length: rows.length * 12 }, (_, i) => big.states[rows[Math.floor(i / 12)]! * 12 + (i % 12)]!);
    for (const learner of [undefined, { name: 'sgd', seed: 1 }, { name: 'mlp', hidden: 4 }] as const) {
      const more = { permutations: learner ? 0 : 3, ...(learner && { learner }) };
      const inMemory = await one(optionsFor(big, more));
      expect(await one({ ...optionsFor(big, more), states: { rows: big.n, read } })).toEqual(inMemory);
    }
  });
  test('a duplicated column shares its weight with the other', async () => {
    const states = Float32Array.from({ length: data.n * 5 }, (_, i) =>
      i % 5 === 4 ? data.states[Math.floor(i / 5) * 4]! : data.states[Math.floor(i / 5) * 4 + (i % 5)]!,
    );
    const { refit } = await one(optionsFor({ ...data, states, d: 5 }, { penalties: [1e-3] }));
    expect(refit!.weights[0]).toBeCloseTo(refit!.weights[4]!, 6);
  });
});

const BINARY = (value: number) => Number(value > 0.5);

test.each<[string, LearnerChoice, number]>([
  ['ridge, more rows than dimensions', { name: 'ridge', penalties: [0.1, 1, 10] }, 5],
  ['ridge, more dimensions than rows', { name: 'ridge', penalties: [0.1, 1, 10] }, 100],
  ['ridge at one penalty', { name: 'ridge', penalties: [1] }, 5],
  ['logistic', { name: 'logistic', penalties: [0.1, 1] }, 5],
  ['a network', { name: 'mlp', hidden: 2, recipe: { epochs: 1 } }, 5],
])('tells what share of the work is done, ascending to all of it: %s', async (_, learner, d) => {
  const data = synthetic({ prompts: 20, rows: 3, d, seed: 1 });
  const values = learner.name === 'logistic' ? data.values.map(BINARY) : data.values;
  const gaps = values.map((value, row) => (row < 6 ? Number.NaN : value));
  const told: number[] = [];
  await trainProbes({
    states: data.states,
    d,
    targets: [
      { scenario: 'output', name: 'whole', values },
      { scenario: 'output', name: 'with gaps', values: gaps },
    ],
    groups: data.groups,
    folds: groupedFolds(data.groups, 4, 0),
    seed: 0,
    learner,
    permutations: 3,
    progress: (share) => told.push(share),
  });
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told[0]).toBeLessThan(0.5);
  expect(told.at(-1)).toBe(1);
});
