import { expect, test } from 'vitest';
import { noise, one, optionsFor, PENALTIES, synthetic } from '../synthetic.ts';

const SEEDS = 200;

test('where nothing is planted, p is at or below 0.05 in about 5 of 100 data sets', async () => {
  let found = 0;
  let sum = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const data = synthetic({ prompts: 40, rows: 2, d: 4, seed });
    const random = noise(seed, 'nothing');
    // Rows of a prompt share a part, as continuations do: only permutations over prompts keep that.
    const values = Float64Array.from({ length: data.n }, random).map(
      (value, row, all) => value + 2 * all[row - (row % 2)]!,
    );
    const { permuted } = await one(
      optionsFor({ ...data, values }, { permutations: 19, penalties: PENALTIES.slice(2, 6), seed }),
    );
    if (permuted!.p! <= 0.05) found++;
    sum += permuted!.p!;
  }
  // Binomial: 10 of 200 are expected, 2 to 20 in 99.9 % of such series; p is uniform on 0.05, 0.1, …, 1.
  expect(found).toBeGreaterThanOrEqual(2);
  expect(found).toBeLessThanOrEqual(20);
  expect(Math.abs(sum / SEEDS - 0.525)).toBeLessThan(0.08);
});

test('what is planted is found in every data set', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const data = synthetic({ prompts: 40, rows: 2, d: 4, seed });
    const got = await one(optionsFor(data, { permutations: 19, penalties: PENALTIES.slice(2, 6), seed }));
    expect(got.permuted!.p).toBe(0.05);
    expect(got.permuted!.upper!).toBeLessThan(got.foldMean.value!);
  }
});
