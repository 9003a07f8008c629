import { requireInteger } from '@sonde/numerics';

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
