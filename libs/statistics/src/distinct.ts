import { requireInteger } from '@sonde/numerics';
import { type Estimate, type IntervalOptions, meanEstimate } from './behavior.ts';

export interface DistinctShare {
  /** Distinct n-grams divided by all n-grams; null where there is none. */
  readonly share: number | null;
  readonly ngrams: number;
  readonly reason?: 'no_ngrams';
}

/**
 * distinct-n of a set of token lists (Li et al. 2016, "A diversity-promoting objective function for neural
 * conversation models"): n-grams do not cross from one list to the next. Depends on the amount of text: compare at
 * equal amounts.
 */
export function distinctNgrams(lists: readonly (readonly (string | number)[])[], n: number): DistinctShare {
  requireInteger('n', n, 1);
  const seen = new Set<string>();
  let ngrams = 0;
  for (const tokens of lists) {
    for (let start = 0; start + n <= tokens.length; start++) {
      seen.add(JSON.stringify(tokens.slice(start, start + n)));
      ngrams++;
    }
  }
  return ngrams === 0 ? { share: null, ngrams, reason: 'no_ngrams' } : { share: seen.size / ngrams, ngrams };
}

/**
 * distinct-n of each prompt's continuations, and their mean over the prompts that have an n-gram: unlike distinct-n of all
 * texts together it does not fall with the number of prompts. Depends on the continuations a prompt: compare at equal k.
 *
 * Source: Liu et al. 2021, "DExperts" (doi 10.18653/v1/2021.acl-long.522), which counts it so.
 */
export function distinctByPrompt(
  prompts: readonly (readonly (readonly (string | number)[])[])[],
  n: number,
  interval?: IntervalOptions,
): Estimate<'no_tokens'> {
  const shares = prompts.map((lists) => distinctNgrams(lists, n).share).filter((share) => share !== null);
  const estimate = meanEstimate(Float64Array.from(shares), 'no_prompts', interval);
  return estimate.value === null ? { value: null, low: null, high: null, reason: 'no_tokens' } : estimate;
}
