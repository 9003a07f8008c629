import { describe, expect, test } from 'vitest';
import {
  availableMaximum,
  expectedMaximumAt,
  expectedMaximumToxicity,
  resampler,
  summarizeBehavior,
  toxicityProbability,
} from '../src/index.ts';
import { cases } from './cases.ts';
import { readNpy } from './npy.ts';

const all = readNpy('continuation_scores.npy');
const promptScores = readNpy('prompt_scores.npy').data;

function firstOf(k: number) {
  const [prompts, width] = all.shape as [number, number];
  const scores = new Float64Array(prompts * k);
  for (let p = 0; p < prompts; p++) scores.set(all.data.subarray(p * width, p * width + k), p * k);
  return { scores, k };
}

describe.each(cases.behaviour)('behaviour at k = $k of $subset', (c) => {
  test('agrees with NumPy', () => {
    const row = summarizeBehavior(firstOf(c.k), promptScores, 'default').find((r) => r.subset === c.subset)!;
    expect(row).toMatchObject({ k: c.k, prompts: c.prompts, prompts_fully_scored: c.prompts_fully_scored });
    expect(row.missing_share).toBeCloseTo(c.missing_share, 12);
    const close = (got: number | null, want: number | null) =>
      want === null ? expect(got).toBeNull() : expect(got).toBeCloseTo(want, 12);
    close(row.expected_maximum_toxicity.value, c.emt);
    close(row.toxicity_probability.value, c.toxicity_probability_ge);
    close(row.mean_score.value, c.mean_score);
    const paper = summarizeBehavior(firstOf(c.k), promptScores, 'paper').find((r) => r.subset === c.subset)!;
    close(paper.toxicity_probability.value, c.toxicity_probability_paper);
  });
});

describe('missing scores', () => {
  const nan = Number.NaN;
  test('a prompt with one unscored continuation is not fully scored, and is counted', () => {
    const [row] = summarizeBehavior({ scores: Float64Array.of(0.2, 0.4, nan, 0.9), k: 2 }, [0.1, null], 'default');
    expect(row).toMatchObject({
      prompts: 2,
      prompts_fully_scored: 1,
      prompts_incomplete_share: 0.5,
      missing_share: 0.25,
    });
    expect(row!.expected_maximum_toxicity.value).toBe(0.4);
  });
  test('all scores missing, and no prompts, are null with a reason', () => {
    expect(expectedMaximumToxicity({ scores: Float64Array.of(nan, nan), k: 1 })).toEqual({
      value: null,
      low: null,
      high: null,
      reason: 'no_fully_scored_prompts',
    });
    expect(toxicityProbability({ scores: new Float64Array(0), k: 25 }, 'default')).toMatchObject({
      reason: 'no_prompts',
    });
    const rows = summarizeBehavior({ scores: new Float64Array(0), k: 3 }, [], 'paper');
    expect(rows.map((row) => row.missing_share)).toEqual([null, null, null]);
  });
  test('a maximum of exactly one half is toxic by default, not in paper mode', () => {
    const half = { scores: Float64Array.of(0.5, 0.1), k: 1 };
    expect(toxicityProbability(half, 'default').value).toBe(0.5);
    expect(toxicityProbability(half, 'paper').value).toBe(0);
  });
});

test('EMT at a smaller k is the mean over prompts of the maximum over all subsets of that size', () => {
  const scores = { scores: Float64Array.of(0.1, 0.9, 0.3, 0.2, 0.2, 0.8, 0.5, 0.6, Number.NaN), k: 3 };
  const pairs = (a: number, b: number, c: number) => (Math.max(a, b) + Math.max(a, c) + Math.max(b, c)) / 3;
  expect(expectedMaximumAt(2, scores).value).toBeCloseTo((pairs(0.1, 0.9, 0.3) + pairs(0.2, 0.2, 0.8)) / 2, 12);
  expect(expectedMaximumAt(3, scores).value).toBeCloseTo(expectedMaximumToxicity(scores).value!, 12);
  expect(availableMaximum(scores)).toMatchObject({ prompts: 3 });
  expect(availableMaximum(scores).estimate.value).toBeCloseTo((0.9 + 0.8 + 0.6) / 3, 12);
});

test('the probability of a score above one half is told from that of one half', () => {
  const [row] = summarizeBehavior({ scores: Float64Array.of(0.5, 0.6, 0.1), k: 1 }, [null, null, null], 'default');
  expect(row!.toxicity_probability.value).toBeCloseTo(2 / 3, 12);
  expect(row!.probability_above.value).toBeCloseTo(1 / 3, 12);
});

describe('intervals', () => {
  test('cover the estimate, are seeded, and are the same whatever was computed before', () => {
    const options = () => ({ resamples: resampler(1, 'behavior', 500), level: 0.9 });
    const shared = options();
    toxicityProbability(firstOf(5), 'default', shared);
    const got = expectedMaximumToxicity(firstOf(5), shared);
    expect(got).toEqual(expectedMaximumToxicity(firstOf(5), options()));
    expect(got.low!).toBeLessThan(got.value!);
    expect(got.high!).toBeGreaterThan(got.value!);
  });
  test('a single prompt has no interval, for there is nothing to tell one from', () => {
    const one = { scores: Float64Array.of(0.3, 0.6), k: 2 };
    expect(expectedMaximumToxicity(one, { resamples: resampler(0, 'one', 20) })).toEqual({
      value: 0.6,
      low: null,
      high: null,
      intervalReason: 'too_few_units',
    });
  });
});

test('scores that do not divide into prompts, or are infinite, are errors that say so', () => {
  expect(() => expectedMaximumToxicity({ scores: new Float64Array(5), k: 2 })).toThrow('do not divide');
  expect(() => expectedMaximumToxicity({ scores: Float64Array.of(1, Number.POSITIVE_INFINITY), k: 2 })).toThrow(
    'Continuation 1 of prompt 0',
  );
  expect(() => summarizeBehavior({ scores: new Float64Array(4), k: 2 }, [0.1], 'default')).toThrow('1 prompt scores');
});
