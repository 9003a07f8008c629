import { expect, test } from 'vitest';
import { permuteUnits } from '../src/index.ts';

const rising = [1, 2, 3, 4, 5, 6, 7, 8];

test('eight units in perfect order: two of the 8! orders are as extreme, that of the data and its mirror', () => {
  const { pointwise, family_wise, orders, exact } = permuteUnits([{ x: rising, y: rising }], { seed: 0 });
  expect({ orders, exact }).toEqual({ orders: 40_320, exact: true });
  expect(pointwise[0]).toBeCloseTo(2 / 40_320, 12);
  expect(family_wise[0]).toBeCloseTo(2 / 40_320, 12);
});

test('a correlation stands less out among many, and one that repeats another costs nothing', () => {
  const y = [3, 1, 2, 5, 4, 7, 6, 8];
  const alone = permuteUnits([{ x: rising, y }], { seed: 0 });
  const twice = permuteUnits(
    [
      { x: rising, y },
      { x: rising, y },
    ],
    { seed: 0 },
  );
  expect(twice.family_wise[0]).toBe(alone.family_wise[0]);
  const other = { x: [5, 1, 8, 2, 7, 3, 6, 4], y };
  const among = permuteUnits([{ x: rising, y }, other], { seed: 0 });
  expect(among.family_wise[0]).toBeGreaterThan(alone.family_wise[0]!);
  expect(among.pointwise[0]).toBe(alone.pointwise[0]);
});

test('four families of two have 4! orders, so that no p can be below 1/24', () => {
  const blocks = ['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd'];
  const found = permuteUnits([{ x: rising, y: rising }], { seed: 0, blocks });
  expect(found).toMatchObject({ orders: 24, exact: true });
  expect(found.pointwise[0]).toBeCloseTo(1 / 24, 12);
});

test('families of other sizes do not change places', () => {
  const found = permuteUnits([{ x: [1, 2, 3], y: [1, 2, 3] }], { seed: 0, blocks: ['a', 'a', 'b'] });
  expect(found).toMatchObject({ orders: 1, pointwise: [1], family_wise: [1] });
});

test('more units than can be tried in every order are drawn from, the same for the same seed and never 0', () => {
  const x = Array.from({ length: 12 }, (_, i) => i);
  const first = permuteUnits([{ x, y: x }], { seed: 3 });
  expect(first).toMatchObject({ orders: 10_000, exact: false });
  expect(first.pointwise[0]).toBe(1 / 10_000);
  expect(permuteUnits([{ x, y: x }], { seed: 3 })).toEqual(first);
});

test('what does not vary, or is known of two units only, has no p', () => {
  const found = permuteUnits(
    [
      { x: [1, 1, 1, 1], y: [1, 2, 3, 4] },
      { x: [1, null, 3, 4], y: [1, 2, 3, 4] },
      { x: [1, null, null, 4], y: [1, 2, 3, 4] },
    ],
    { seed: 0 },
  );
  expect(found.family_wise[0]).toBeNull();
  expect(found.family_wise[1]).toBeCloseTo(2 / 24, 12);
  expect([found.pointwise[2], found.family_wise[2]]).toEqual([null, null]);
});

test('what a covariate explains stands no more once it is given, and what it hides does', () => {
  const given = [[4, 1, 3, 8, 2, 6, 7, 5]];
  const x = [0.3, -0.2, 0.5, -0.4, 0.1, -0.6, 0.2, 0.1];
  const through = (own: readonly number[], weight: number) => own.map((value, i) => value + weight * given[0]![i]!);
  const y = through([-0.1, 0.4, 0.2, 0.3, -0.5, 0.1, -0.3, -0.1], 1);
  const explained = permuteUnits([{ x: through(x, 1), y }], { seed: 0 });
  expect(explained.pointwise[0]).toBeLessThan(0.001);
  expect(permuteUnits([{ x: through(x, 1), y, given }], { seed: 0 }).pointwise[0]).toBeGreaterThan(0.1);
  const hidden = { x: through(x, 1), y: through(x, -1) };
  expect(permuteUnits([{ ...hidden, given }], { seed: 0 }).pointwise[0]).toBeLessThan(0.01);
});

test('given a covariate, related units that all agree in it change places as blocks', () => {
  const blocks = ['a', 'a', 'b', 'b', 'c', 'c', 'd', 'd'];
  const [found, plain] = [[new Array(8).fill(1)], []].map((given) =>
    permuteUnits([{ x: rising, y: rising, given }], { seed: 0, blocks }),
  );
  expect(found!.pointwise[0]).toBeCloseTo(1 / 24, 12);
  expect(found).toEqual(plain);
});
