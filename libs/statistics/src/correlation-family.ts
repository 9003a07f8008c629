import { type Correlation, pearson, spearman, type Values } from './correlation.ts';
import { type KendallCorrelation, kendall } from './kendall.ts';
import { benjaminiHochberg, benjaminiYekutieli, holm, type PValues } from './multiplicity.ts';

const ADJUSTMENTS = {
  'benjamini-hochberg': benjaminiHochberg,
  'benjamini-yekutieli': benjaminiYekutieli,
  holm,
} as const satisfies Record<string, (p: PValues) => (number | null)[]>;

/** How p-values are corrected for their number. */
export type Multiplicity = keyof typeof ADJUSTMENTS;

/** p-values corrected for how many there are; null where a test was undefined. */
export function adjustPValues(p: PValues, multiplicity: Multiplicity): (number | null)[] {
  return ADJUSTMENTS[multiplicity](p);
}

/** One correlation of a family, by three coefficients. */
export interface FamilyMember {
  readonly pearson: Correlation;
  readonly spearman: Correlation;
  readonly kendall: KendallCorrelation;
  /** Adjusted over all correlations of the family by the same coefficient; null where undefined. */
  readonly pearsonAdjusted: number | null;
  readonly spearmanAdjusted: number | null;
  readonly kendallAdjusted: number | null;
}

/**
 * Correlates each pair of lists, and corrects the p-values for how many there are.
 *
 * @param level coverage of the intervals of Pearson's correlations
 * @throws UserError where the lists of a pair differ in length or hold an infinite value
 */
export function correlateFamily(
  pairs: readonly { readonly x: Values; readonly y: Values }[],
  { multiplicity, level }: { readonly multiplicity: Multiplicity; readonly level?: number },
): FamilyMember[] {
  const linear = pairs.map(({ x, y }) => pearson(x, y, level === undefined ? {} : { level }));
  const ranked = pairs.map(({ x, y }) => spearman(x, y));
  const agreeing = pairs.map(({ x, y }) => kendall(x, y));
  const adjust = ADJUSTMENTS[multiplicity];
  const linearAdjusted = adjust(linear.map(({ p }) => p));
  const rankedAdjusted = adjust(ranked.map(({ p }) => p));
  const agreeingAdjusted = adjust(agreeing.map(({ p }) => p));
  return pairs.map((_, i) => ({
    pearson: linear[i]!,
    spearman: ranked[i]!,
    kendall: agreeing[i]!,
    pearsonAdjusted: linearAdjusted[i]!,
    spearmanAdjusted: rankedAdjusted[i]!,
    kendallAdjusted: agreeingAdjusted[i]!,
  }));
}
