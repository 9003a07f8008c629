import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { calibrationCurve, scoreAgreement } from '../src/index.ts';

interface Case {
  readonly name: string;
  readonly scores: readonly number[];
  readonly references: readonly number[];
  readonly counts: readonly number[];
  readonly pearson: number;
  readonly spearman: number;
  readonly auc: number;
  readonly difference: number;
  readonly absolute_difference: number;
  readonly thresholds: readonly { readonly threshold: number; readonly agreement: number; readonly kappa: number }[];
  readonly calibration: { readonly fraction: readonly number[]; readonly mean: readonly number[] };
}

/** By SciPy and scikit-learn: tools/goldens/agreement.py. */
const { cases } = JSON.parse(readFileSync(new URL('fixtures/agreement.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};
const OPTIONS = { thresholds: [0.25, 0.5, 0.75], labelThreshold: 0.5 };
const floats = (values: readonly number[]) => Float64Array.from(values);

describe('agreement of scores', () => {
  it.each(cases)('is what SciPy and scikit-learn say: $name', (one) => {
    const found = scoreAgreement(floats(one.scores), floats(one.references), OPTIONS)(one.counts);
    expect(found.pearson).toBeCloseTo(one.pearson, 12);
    expect(found.spearman).toBeCloseTo(one.spearman, 12);
    expect(found.auc).toBeCloseTo(one.auc, 12);
    expect(found.difference).toBeCloseTo(one.difference, 12);
    expect(found.absoluteDifference).toBeCloseTo(one.absolute_difference, 12);
    for (const [i, { threshold, agreement, kappa }] of one.thresholds.entries()) {
      const at = found.thresholds[i]!;
      expect(at.threshold).toBe(threshold);
      expect(at.agreement).toBeCloseTo(agreement, 12);
      expect(at.kappa).toBeCloseTo(kappa, 12);
    }
  });

  it('is undefined where a side does not vary', () => {
    const same = scoreAgreement(floats([0.1, 0.1, 0.1]), floats([0, 0.2, 0.4]), OPTIONS)([1, 1, 1]);
    expect(same).toMatchObject({ pearson: null, spearman: null, auc: null });
    expect(same.thresholds.map(({ agreement, kappa }) => [agreement, kappa])).toEqual([
      [2 / 3, 0],
      [1, null],
      [1, null],
    ]);
  });

  it('refuses what are no pairs of numbers', () => {
    expect(() => scoreAgreement(floats([1]), floats([1, 2]), OPTIONS)).toThrow(/1 scores and 2 reference scores/);
    expect(() => scoreAgreement(floats([Number.NaN]), floats([1]), OPTIONS)).toThrow(/finite/);
  });
});

describe('a calibration curve', () => {
  it('is that of scikit-learn for labels', () => {
    const { scores, references, calibration } = cases.find(({ name }) => name === 'labels')!;
    const bins = calibrationCurve(floats(scores), floats(references), 10).filter(({ n }) => n > 0);
    expect(bins).toHaveLength(calibration.mean.length);
    for (const [i, { score, reference }] of bins.entries()) {
      expect(score).toBeCloseTo(calibration.mean[i]!, 12);
      expect(reference).toBeCloseTo(calibration.fraction[i]!, 12);
    }
  });

  it('has every score in a bin, whatever its size', () => {
    const bins = calibrationCurve(floats([-3, 0, 0.5, 1, 7]), floats([0, 0, 1, 1, 1]), 2);
    expect(bins.map(({ from, to, n, reference }) => [from, to, n, reference])).toEqual([
      [0, 0.5, 2, 0],
      [0.5, 1, 3, 1],
    ]);
  });
});
