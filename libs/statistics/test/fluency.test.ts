import { intervalLevels } from '@sonde/numerics';
import { describe, expect, test } from 'vitest';
import { bitsPerByte, logprobPerToken, meanLength, perplexity, resampler } from '../src/index.ts';

describe('bits per byte', () => {
  test('are the negative log-likelihood in bits over the bytes, however many tokens these were', () => {
    const losses = [
      { nll: 8 * Math.LN2, bytes: 4 },
      { nll: 1 * Math.LN2, bytes: 2 },
      { nll: null, bytes: 0 },
      { nll: 5, bytes: null },
    ];
    expect(bitsPerByte(losses)).toEqual({ texts: 2, bits: { value: expect.closeTo(1.5, 12), low: null, high: null } });
    expect(bitsPerByte([])).toMatchObject({ bits: { value: null, reason: 'no_tokens' } });
  });

  test('have an interval from whole texts', () => {
    const losses = Array.from({ length: 20 }, (_, i) => ({ nll: 10 + (i % 5), bytes: 9 + (i % 3) }));
    const { value, low, high } = bitsPerByte(losses, { resamples: resampler(0, 'losses', 200) }).bits;
    expect(low!).toBeLessThan(value!);
    expect(high!).toBeGreaterThan(value!);
  });
});

describe('perplexity', () => {
  test('weighs texts by their tokens and leaves out those of which nothing was predicted', () => {
    const losses = [
      { nll: 3, tokens: 3 },
      { nll: 3, tokens: 1 },
      { nll: null, tokens: 0 },
    ];
    expect(perplexity(losses)).toMatchObject({ texts: 2, perplexity: { value: Math.exp(6 / 4), low: null } });
  });

  test('of a uniform guess over V words is V, with no spread', () => {
    const losses = Array.from({ length: 30 }, (_, i) => ({ tokens: i + 1, nll: (i + 1) * Math.log(50) }));
    const { value, low, high } = perplexity(losses, { resamples: resampler(1, 'losses', 100) }).perplexity;
    for (const number of [value, low, high]) expect(number).toBeCloseTo(50, 10);
  });

  test('has an interval from whole texts, which a naive resampling finds too', () => {
    const losses = Array.from({ length: 25 }, (_, i) => ({ tokens: 5 + (i % 7), nll: 10 + ((i * 37) % 11) }));
    const resamples = resampler(3, 'losses', 400);
    const drawn = resamples(losses.length);
    const naive = Array.from({ length: drawn.count }, (_, b) => {
      let [nll, tokens] = [0, 0];
      for (let i = 0; i < drawn.units; i++) {
        const loss = losses[drawn.indices[b * drawn.units + i]!]!;
        nll += loss.nll;
        tokens += loss.tokens;
      }
      return Math.exp(nll / tokens);
    }).sort((a, b) => a - b);
    const { low, high } = perplexity(losses, { resamples, level: 0.9 }).perplexity;
    const [below, above] = intervalLevels(0.9, losses.length).map((share) => share * (naive.length - 1));
    expect(low).toBeGreaterThanOrEqual(naive[Math.floor(below!)]! - 1e-12);
    expect(low).toBeLessThanOrEqual(naive[Math.ceil(below!)]! + 1e-12);
    expect(high).toBeGreaterThanOrEqual(naive[Math.floor(above!)]! - 1e-12);
    expect(high).toBeLessThanOrEqual(naive[Math.ceil(above!)]! + 1e-12);
  });

  test('of nothing is undefined, with the reason', () => {
    expect(perplexity([]).perplexity).toEqual({ value: null, low: null, high: null, reason: 'no_tokens' });
  });
});

describe('length and log-probability', () => {
  test('are means over texts, and over tokens', () => {
    const texts = [
      { tokens: 1, logprob: -1 },
      { tokens: 3, logprob: -5 },
    ];
    expect(meanLength(texts).value).toBe(2);
    expect(logprobPerToken(texts).value).toBe(-1.5);
  });

  test('are undefined where there is nothing', () => {
    expect(meanLength([])).toMatchObject({ value: null, reason: 'no_tokens' });
    expect(logprobPerToken([{ tokens: 0, logprob: 0 }])).toMatchObject({ value: null, reason: 'no_tokens' });
  });
});
