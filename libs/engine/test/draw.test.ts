import { randomStream } from '@sonde/numerics';
import { expect, test } from 'vitest';
import { openDrawSession } from '../src/ready/draw-session.ts';

const VOCABULARY = 20_000;
const ROWS = 45;
const stream = randomStream(0, 'draw');
const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => stream.below(2 ** 24) / 2 ** 24);
/** Most of the mass is on few tokens, so that some draws are refused and tried again. */
const logits = numbers(ROWS * VOCABULARY).map((u) => 40 * u ** 3);
const uniforms = numbers(ROWS * 8);

async function drawn(threads: number, from: number, to: number) {
  const session = await openDrawSession(VOCABULARY, threads);
  const rows = Int32Array.from({ length: to - from }, (_, row) => row);
  const { tokens, logprobs, pending } = await session.draw(logits.slice(from * VOCABULARY, to * VOCABULARY), {
    ...{ rows, sample: true, temperature: 1, topK: 0, topP: 0.7, penalty: 1 },
    uniforms: uniforms.slice(from * 8, to * 8),
  });
  await session.release();
  return { tokens: [...tokens], logprobs: [...logprobs], pending: pending.map((row) => row + from) };
}

test('a draw is the same to the bit alone and among others, and for any number of threads', async () => {
  const [all, byOne] = [await drawn(2, 0, ROWS), await drawn(1, 0, ROWS)];
  const alone = await Promise.all([0, 1, 17, ROWS - 1].map((row) => drawn(2, row, row + 1)));
  expect(byOne).toEqual(all);
  for (const [i, row] of [0, 1, 17, ROWS - 1].entries()) {
    expect(alone[i]!.tokens[0]).toBe(all.tokens[row]);
    expect(alone[i]!.logprobs[0]).toBe(all.logprobs[row]);
  }
  const logsum = (row: number): number =>
    Math.log(logits.subarray(row * VOCABULARY, (row + 1) * VOCABULARY).reduce((sum, x) => sum + Math.exp(x), 0));
  for (let row = 0; row < ROWS; row++) {
    const logprob = logits[row * VOCABULARY + all.tokens[row]!]! - logsum(row);
    expect(all.logprobs[row]! - logprob).toBeCloseTo(0, 4);
  }
});

test('rows that no number decides are told by their numbers, whichever piece they are drawn in', async () => {
  const session = await openDrawSession(VOCABULARY, 1);
  // Each try of a number near 1 refuses the least probable token that is left, the last one.
  const falling = Float32Array.from({ length: ROWS * VOCABULARY }, (_, i) => -1e-4 * (i % VOCABULARY));
  const numbers = new Float32Array(ROWS * 8);
  const undecided = [3, 20, 44];
  for (const row of undecided) numbers.fill(1 - 2 ** -24, row * 8, row * 8 + 8);
  const { tokens, pending } = await session.draw(falling, {
    ...{ rows: new Int32Array(ROWS), sample: true, temperature: 1, topK: 0, topP: 0.1, penalty: 1 },
    uniforms: numbers,
  });
  await session.release();
  expect(pending).toEqual(undecided);
  expect(tokens.filter((token) => token === 0)).toHaveLength(ROWS - undecided.length);
});
