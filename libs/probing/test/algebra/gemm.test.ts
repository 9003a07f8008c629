import { describe, expect, test } from 'vitest';
import { type Matrix, matrix, openGemm } from '../../src/algebra/gemm.ts';
import { noise } from '../synthetic.ts';

describe.each([
  ['a small', 7, 5, 3],
  ['a large', 70, 50, 30],
])('%s product', (_, rows, columns, inner) => {
  const random = noise(rows, 'gemm');
  const left = Array.from({ length: rows }, () => Array.from({ length: inner }, random));
  const right = Array.from({ length: inner }, () => Array.from({ length: columns }, random));
  const start = Float64Array.from({ length: rows * columns }, random);
  const transpose = (m: number[][]) => m[0]!.map((_, j) => m.map((row) => row[j]!));
  const flat = (m: number[][]) => matrix(Float64Array.from(m.flat()), m.length, m[0]!.length);
  const want = left.flatMap((row) =>
    transpose(right).map((column) => row.reduce((sum, value, k) => sum + value * column[k]!, 0)),
  );

  test.each(['nn', 'nt', 'tn'] as const)('%s is the sum of products', async (form) => {
    const gemm = await openGemm(1);
    const a = flat(form === 'tn' ? transpose(left) : left);
    const b = flat(form === 'nt' ? transpose(right) : right);
    const before = start.slice();
    const product = await gemm.multiply(form, a, b);
    const rest = await gemm.subtract(form, a, b, start);
    for (const [i, value] of want.entries()) {
      expect(product[i]).toBeCloseTo(value, 12);
      expect(rest[i]).toBeCloseTo(before[i]! - value, 12);
    }
    expect(start).toEqual(before);
  });
  test.each(['nn', 'nt', 'tn'] as const)('%s in float32 is that to its digits', async (form) => {
    const gemm = await openGemm(1);
    const single = ({ data, rows, columns }: Matrix) => matrix(new Float32Array(data), rows, columns);
    const a = single(flat(form === 'tn' ? transpose(left) : left));
    const b = single(flat(form === 'nt' ? transpose(right) : right));
    const product = await gemm.multiply(form, a, b);
    const rest = await gemm.subtract(form, a, b, new Float32Array(start));
    expect([product, rest].every((of) => of instanceof Float32Array)).toBe(true);
    for (const [i, value] of want.entries()) {
      expect(product[i]).toBeCloseTo(value, 5);
      expect(rest[i]).toBeCloseTo(start[i]! - value, 5);
    }
  });
});
