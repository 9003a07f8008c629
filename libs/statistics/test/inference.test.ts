import { describe, expect, test } from 'vitest';
import {
  comparePaired,
  correctForRange,
  detectableCorrelation,
  expectedMaximum,
  independentCorrelationsTest,
  kendall,
  partialCorrelation,
  partialKendall,
  poolCorrelations,
  probabilityOfReaching,
  proportionInterval,
  resampler,
  smallestRankP,
  spearman,
  steigerTest,
  varianceComponents,
} from '../src/index.ts';
import { cases } from './cases.ts';

// Reference values: SciPy 1.17, and all orders tried one by one with its coefficients.
describe('rank correlations of few pairs count all orders', () => {
  test.each([
    [[1, 2, 3], [1, 2, 3], 1 / 3, 1, 1 / 3],
    [[1, 2, 3, 4], [1, 2, 4, 3], 1 / 3, 2 / 3, 1 / 3],
    [[1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5], 0.058333333333333334, 0.6, 0.1361111111111111],
    [[1, 2, 2, 3, 5, 5], [4, 1, 1, 2, 7, 6], 0.20555555555555555, 0.5188745216627709, 0.18888888888888888],
  ])('%j and %j', (x, y, spearmanP, tau, kendallP) => {
    expect(spearman(x, y).p).toBeCloseTo(spearmanP, 12);
    expect(kendall(x, y).r).toBeCloseTo(tau, 12);
    expect(kendall(x, y).p).toBeCloseTo(kendallP, 12);
  });
  test('with four models no rank correlation reaches 0.05', () => {
    expect(spearman([1, 2, 3, 4], [1, 2, 3, 4]).p).toBeCloseTo(smallestRankP(4), 12);
    expect(smallestRankP(4)).toBeCloseTo(2 / 24, 12);
    expect(smallestRankP(1)).toBe(1);
  });
});

describe("Kendall's tau", () => {
  test.each(cases.correlation)('agrees with SciPy: $name', (c) => {
    const got = kendall(c.x, c.y);
    expect(got.r).toBeCloseTo(c.kendall_tau_b, 12);
    expect(Math.log(got.p!)).toBeCloseTo(Math.log(c.kendall_p), 8);
  });
  test('of twelve pairs, with and without ties, agrees with SciPy', () => {
    const y = [3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11];
    expect(kendall([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], y)).toMatchObject({ exact: true });
    expect(kendall([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], y).p).toBeCloseTo(0.00024002425044091711, 14);
    expect(kendall([1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10], y).p).toBeCloseTo(0.0005713465887940056, 14);
  });
  test('is undefined where one side does not vary', () => {
    expect(kendall([1, 1, 1], [1, 2, 3])).toMatchObject({ r: null, p: null, reason: 'constant' });
    expect(kendall([1, null], [1, 2])).toMatchObject({ r: null, reason: 'too_few', missing: 1 });
  });
});

describe.each(cases.partial_correlation)('partial correlation given $name', (c) => {
  const covariates = c.covariates[0]!.map((_, j) => c.covariates.map((row) => row[j]!));
  test('agrees with least squares and SciPy, of values and of ranks', () => {
    const got = partialCorrelation(c.x, c.y, covariates);
    expect(got.r).toBeCloseTo(c.r, 11);
    expect(got.p).toBeCloseTo(c.p, 11);
    const ranks = partialCorrelation(c.x, c.y, covariates, { of: 'rank' });
    expect(ranks.r).toBeCloseTo(c.spearman_r, 11);
    expect(ranks.p).toBeCloseTo(c.spearman_p, 11);
  });
  test('a covariate given twice changes nothing', () => {
    const twice = partialCorrelation(c.x, c.y, [...covariates, covariates[0]!]);
    expect(twice.r).toBeCloseTo(c.r, 11);
    expect(twice.p).toBeCloseTo(c.p, 11);
  });
});

// −Ω₀₁ / √(Ω₀₀ Ω₁₁) of the inverse Ω of the matrix of SciPy's kendalltau.
test.each([
  ['log_parameters', -0.5469386813303934],
  ['log_parameters_and_tuning', -0.4870761879835881],
])('Kendall’s partial tau given %s agrees with the inverse of all taus', (name, expected) => {
  const { x, y, covariates } = cases.partial_correlation.find((one) => one.name === name)!;
  const given = covariates[0]!.map((_, j) => covariates.map((row) => row[j]!));
  expect(partialKendall(x, y, given)).toBeCloseTo(expected, 12);
});

test('Kendall’s partial tau is undefined where a covariate orders as a side does, or too few units are left', () => {
  expect(partialKendall([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], [[2, 4, 6, 8, 10]])).toBeNull();
  expect(partialKendall([1, 2, 3], [2, 1, 3], [[1, 0, 1]])).toBeNull();
  expect(partialKendall([1, 1, 1, 1], [2, 1, 3, 4], [])).toBeNull();
});

test('a side that its covariate explains has no partial correlation', () => {
  expect(partialCorrelation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], [[2, 4, 6, 8, 10]])).toMatchObject({
    reason: 'constant',
  });
  expect(partialCorrelation([1, 2, 3], [2, 1, 3], [[1, 0, 1]])).toMatchObject({ reason: 'too_few' });
});

test.each([
  [0, 10, 'wilson', 0.95, 0, 0.27753279986288926],
  [7, 10, 'wilson', 0.95, 0.39677814746114526, 0.892208732593699],
  [7, 10, 'clopper_pearson', 0.95, 0.3475471499399921, 0.9332604888222655],
  [10, 10, 'clopper_pearson', 0.9, 0.7411344491066528, 1],
] as const)('the interval of %d of %d by %s agrees with SciPy', (successes, n, method, level, low, high) => {
  const got = proportionInterval(successes, n, { method, level });
  expect(got[0]).toBeCloseTo(low, 10);
  expect(got[1]).toBeCloseTo(high, 10);
});

test('the expected maximum of k of five scores is the mean over all subsets of k', () => {
  const scores = [0.1, 0.9, 0.3, 0.3, 0.7];
  for (const [i, want] of [0.46, 0.66, 0.78, 0.86, 0.9].entries()) {
    expect(expectedMaximum(scores, i + 1)).toBeCloseTo(want, 12);
  }
  expect(probabilityOfReaching(scores, 2, 0.5)).toBeCloseTo(0.7, 12);
  expect(() => expectedMaximum(scores, 6)).toThrow('The maximum of 6 scores cannot be had from 5');
});

describe('a paired comparison', () => {
  const options = { resamples: resampler(0, 'paired', 500), seed: 0 };
  test('has the mean difference, its effect size and the exact p of all signs', () => {
    const got = comparePaired([0.1, 0.2, 0.5, 0.4, 0.9, 0.3, null], [0.2, 0.1, 0.7, 0.6, 0.8, 0.6, 1], options);
    expect(got).toMatchObject({ n: 6, missing: 1 });
    expect(got.difference).toBeCloseTo(0.1, 12);
    expect(got.effect_size).toBeCloseTo(0.5976143046671968, 12);
    expect(got.p).toBe(0.28125);
  });
  test('finds a planted shift, and none where there is none', () => {
    const noise = (i: number) => Math.sin(i * 12.9898) * 0.3;
    const base = Array.from({ length: 200 }, (_, i) => noise(i));
    const shifted = base.map((value, i) => value + 0.1 + noise(i + 1000));
    expect(comparePaired(base, shifted, options).p).toBeLessThan(0.001);
    const same = base.map((value, i) => value + noise(2 * i + 5000));
    const nothing = comparePaired(base, same, options);
    expect(nothing.p).toBeGreaterThan(0.05);
    expect(nothing.interval!.low * nothing.interval!.high).toBeLessThan(0);
  });
  test('of no pairs is null', () => {
    expect(comparePaired([null], [1], options)).toMatchObject({ n: 0, difference: null, p: null });
  });
});

test("Steiger's test of two layers with one behaviour, and Fisher's of other models", () => {
  const got = steigerTest(0.63, 0.48, 0.55, 103)!;
  expect(got.z).toBeCloseTo(2.019093326472154, 10);
  expect(got.p).toBeCloseTo(0.04347752036138409, 10);
  expect(steigerTest(0.5, 0.5, 0.2, 10)).toMatchObject({ z: 0, p: 1 });
  expect(steigerTest(1, 0.5, 0.2, 10)).toBeNull();
  expect(independentCorrelationsTest({ r: 0.5, n: 28 }, { r: 0, n: 28 })!.z).toBeCloseTo(
    Math.atanh(0.5) / 0.2828427,
    6,
  );
});

test('a correlation corrected for range goes there and back', () => {
  const corrected = correctForRange(0.3, 1, 2)!;
  expect(corrected).toBeCloseTo(0.6 / Math.sqrt(1 + 0.09 * 3), 12);
  expect(correctForRange(corrected, 2, 1)).toBeCloseTo(0.3, 12);
  expect(correctForRange(0.3, 0, 1)).toBeNull();
});

test('the correlation that can be found at all shrinks with the number of models', () => {
  // SciPy: the noncentral t of a regression on n normal values, averaged over their χ²; solved for a power of 0.8.
  const want = [0.9743287937575432, 0.8211993662656742, 0.5793195197295782, 0.27568035061099194];
  for (const [i, n] of [4, 8, 20, 100].entries()) expect(detectableCorrelation(n)).toBeCloseTo(want[i]!, 6);
  expect(detectableCorrelation(3)).toBe(1);
});

test('correlations are pooled with random effects as DerSimonian and Laird do', () => {
  const got = poolCorrelations([0.5, 0.1, 0.7, -0.2].map((r, i) => ({ r, n: [10, 20, 8, 15][i]! })))!;
  expect(got.r).toBeCloseTo(0.23003169796148637, 10);
  expect(got.interval[0]).toBeCloseTo(-0.18290843179175803, 10);
  expect(got.interval[1]).toBeCloseTo(0.5739785259242391, 10);
  expect(got.p).toBeCloseTo(0.2734850827129428, 10);
  expect(got.tau_squared).toBeCloseTo(0.07620915023811581, 10);
  expect(got.i_squared).toBeCloseTo(0.42109349593139694, 10);
});

test('variance between models is told from variance between seeds', () => {
  const got = varianceComponents([
    [1, 2, 3],
    [4, 6],
    [2, 2, 5, 3],
  ]);
  expect(got.mean).toBeCloseTo(3.111111111111111, 12);
  expect(got.between.value).toBeCloseTo(1.3076923076923077, 12);
  expect(got.within.value).toBeCloseTo(1.6666666666666667, 12);
  expect(varianceComponents([[1], [2]])).toMatchObject({ within: { value: null }, intraclass: { value: null } });
  expect(varianceComponents([[1, 2, 4]])).toMatchObject({ between: { value: null }, within: { df: 2 } });
  expect(
    varianceComponents([
      [1, 1],
      [2, 2],
    ]),
  ).toMatchObject({
    within: { value: 0, interval: [0, 0] },
    intraclass: { value: 1, interval: null },
  });
});

test('variance components have the intervals that SciPy’s quantiles give', () => {
  const unequal = varianceComponents([
    [1, 2, 3],
    [4, 6],
    [2, 2, 5, 3],
  ]);
  const equal = varianceComponents(
    [
      [1, 2, 3],
      [14, 16, 15],
      [22, 25, 23],
      [8, 9, 10],
    ],
    0.9,
  );
  const wanted = [
    [unequal.within, 0.6920714403111605, 8.081825275395074],
    [unequal.between, 0, 91.55734520615475],
    [unequal.intraclass, 0, 0.9820476230002805],
    [equal.within, 0.6878475096388237, 3.9034337428378003],
    [equal.between, 30.785259437048772, 698.7404652594622],
    [equal.intraclass, 0.9366744944399565, 0.9981639545679147],
  ] as const;
  for (const [{ interval }, low, high] of wanted) {
    expect(interval![0]).toBeCloseTo(low, 8);
    expect(interval![1]).toBeCloseTo(high, 8);
  }
});
