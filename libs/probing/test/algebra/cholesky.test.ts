import { expect, test } from 'vitest';
import { factorise, inverse } from '../../src/algebra/cholesky.ts';
import { matrix, openGemm } from '../../src/algebra/gemm.ts';
import { addDiagonal, addSelfProduct, fullMatrix, zeroPanels } from '../../src/algebra/panels.ts';
import { noise } from '../synthetic.ts';

test.each([5, 128, 300])('a matrix of size %i times its inverse is the identity', async (size) => {
  const gemm = await openGemm(1);
  const random = noise(size, 'inverse');
  const a = zeroPanels(size);
  await addSelfProduct(
    gemm,
    a,
    Float64Array.from({ length: size * 10 }, () => random()),
    10,
  );
  addDiagonal(a, new Float64Array(size).fill(2));
  const inverted = await inverse(gemm, (await factorise(gemm, a))!);
  const product = await gemm.multiply(
    'nn',
    matrix(fullMatrix(a), size, size),
    matrix(fullMatrix(inverted), size, size),
  );
  for (const [i, value] of product.entries()) {
    if (Math.abs(value - (i % (size + 1) === 0 ? 1 : 0)) > 1e-12) expect(value).toBe(i % (size + 1) === 0 ? 1 : 0);
  }
});
