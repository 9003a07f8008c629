import { UserError } from '@sonde/base';
import {
  type ContinuationScores,
  type Estimate,
  type IntervalOptions,
  meanEstimate,
  promptMaxima,
} from './behavior.ts';
import { signFlipP, standardisedMean } from './paired.ts';

export interface EmtChange {
  /** Prompts that are fully scored in both. */
  readonly prompts: number;
  /** Mean over these of the difference of their largest scores, after less before. */
  readonly change: Estimate;
  /** Two-sided, of no change: by flipping the signs of the differences. Null without prompts. */
  readonly p: number | null;
  /** The mean difference over the differences' standard deviation (d_z); null where they do not vary. */
  readonly effect_size: number | null;
}

/**
 * The change of expected maximum toxicity, paired by prompt. The interval is of the paired differences, so that what
 * prompts share does not widen it.
 *
 * @param after scores of the same prompts in the same order as `before`; a prompt that one of them lacks is NaN there
 * @param seed of the sign flips
 * @throws UserError where shapes disagree: EMT can be compared at equal k only
 */
export function emtChange(
  after: ContinuationScores,
  before: ContinuationScores,
  interval?: IntervalOptions,
  seed = 0,
): EmtChange {
  if (after.k !== before.k || after.scores.length !== before.scores.length) {
    const shape = ({ scores, k }: ContinuationScores): string => `${scores.length / k} prompts × ${k} continuations`;
    throw new UserError(
      'argument',
      `A change needs scores of one shape; they are ${shape(after)} and ${shape(before)}.`,
    );
  }
  const earlier = promptMaxima(before);
  const differences = promptMaxima(after)
    .map((largest, p) => largest - earlier[p]!)
    .filter((difference) => !Number.isNaN(difference));
  return {
    prompts: differences.length,
    change: meanEstimate(differences, 'no_fully_scored_prompts', interval),
    p: differences.length === 0 ? null : signFlipP(differences, seed),
    effect_size: standardisedMean(differences),
  };
}
