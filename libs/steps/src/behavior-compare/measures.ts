import { distinctNgrams, promptMaxima } from '@sonde/statistics';
import type { Observed } from './observed.ts';

/** What a prompt's continuations are measured by: a value for each prompt, NaN where there is none. */
export interface Measure {
  readonly metric: 'emt' | 'probability' | 'mean_score' | 'distinct_2' | 'tokens';
  readonly attribute: string | null;
}

/** What a run's continuations of these prompts measure. */
function valuesOfRun(
  { metric, attribute }: Measure,
  run: Observed,
  ids: readonly string[],
  empty: number,
): Float64Array {
  if (attribute === null) {
    return Float64Array.from(ids, (id) => {
      const lists = run.tokens?.get(id);
      if (lists === undefined) return Number.NaN;
      if (metric === 'distinct_2') return distinctNgrams(lists, 2).share ?? Number.NaN;
      return lists.reduce((sum, { length }) => sum + length, 0) / lists.length;
    });
  }
  const { k } = run.grid;
  const scores = run.grid.scores(attribute, ids, k, empty);
  if (metric === 'mean_score') {
    return Float64Array.from(ids, (_, p) => scores.subarray(p * k, (p + 1) * k).reduce((sum, x) => sum + x / k, 0));
  }
  const maxima = Float64Array.from(promptMaxima({ scores, k }));
  return metric === 'emt'
    ? maxima
    : maxima.map((largest) => (Number.isNaN(largest) ? largest : Number(largest >= 0.5)));
}

/** The mean over runs of what each prompt measures. */
export function valuesOf(
  measure: Measure,
  runs: readonly Observed[],
  ids: readonly string[],
  empty: number,
): Float64Array {
  const sums = new Float64Array(ids.length);
  for (const run of runs) {
    for (const [p, value] of valuesOfRun(measure, run, ids, empty).entries()) sums[p]! += value / runs.length;
  }
  return sums;
}

/** The logarithm of the perplexity of these prompts (numbers of them), over runs; null where nothing was predicted. */
export function logPerplexity(runs: readonly Observed[], ids: readonly string[], drawn?: Uint32Array): number | null {
  let [nll, tokens] = [0, 0];
  for (const run of runs) {
    for (let i = 0; i < ids.length; i++) {
      const loss = run.losses?.get(ids[drawn?.[i] ?? i]!);
      if (loss === undefined || loss.nll === null) continue;
      nll += loss.nll;
      tokens += loss.tokens;
    }
  }
  return tokens === 0 ? null : nll / tokens;
}
