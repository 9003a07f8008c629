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

/** Each prompt's negative log-likelihood and predicted tokens, summed over runs. */
export interface LossSums {
  readonly nll: Float64Array;
  readonly tokens: Float64Array;
}

export function lossSums(runs: readonly Observed[], ids: readonly string[]): LossSums {
  const [nll, tokens] = [new Float64Array(ids.length), new Float64Array(ids.length)];
  for (const { losses } of runs) {
    for (const [p, id] of ids.entries()) {
      const loss = losses?.get(id);
      if (loss === undefined || loss.nll === null) continue;
      nll[p] = nll[p]! + loss.nll;
      tokens[p] = tokens[p]! + loss.tokens;
    }
  }
  return { nll, tokens };
}

/** The logarithm of the perplexity of these prompts, or of those drawn; null where nothing was predicted. */
export function logPerplexity({ nll, tokens }: LossSums, drawn?: Uint32Array): number | null {
  let [sum, predicted] = [0, 0];
  for (let i = 0; i < nll.length; i++) {
    const p = drawn?.[i] ?? i;
    sum += nll[p]!;
    predicted += tokens[p]!;
  }
  return predicted === 0 ? null : sum / predicted;
}

/** Perplexity with each prompt left out: [prompts]. */
export function perplexitiesWithout({ nll, tokens }: LossSums): Float64Array {
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
  const [sum, predicted] = [total(nll), total(tokens)];
  return nll.map((own, p) => Math.exp((sum - own) / (predicted - tokens[p]!)));
}
