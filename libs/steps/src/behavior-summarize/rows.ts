import { createHash } from 'node:crypto';
import type { Prompts, RowOf, ScoreGrid, SUMMARY } from '@sonde/formats';
import { type Estimate, type IntervalOptions, inSubset, type PromptSubset, resampler } from '@sonde/statistics';
import type { Config } from './config.ts';

export type SummaryRow = RowOf<typeof SUMMARY>;

/** The continuations that are summarised, whether they have scores or not. */
export interface Summarised {
  readonly promptIds: readonly string[];
  /** Continuations a prompt. */
  readonly k: number;
  /** Rows of the scores that are of none of them; null where no other table knows them. */
  readonly unmatched: number | null;
}

/** A row's value with its interval, and why either is null. */
export function estimated(
  estimate: Estimate<string>,
): Pick<SummaryRow, 'value' | 'low' | 'high' | 'interval_reason' | 'reason' | 'p' | 'effect_size'> {
  const { value, low, high } = estimate;
  const untested = { p: null, effect_size: null };
  if (value === null) return { value, low, high, interval_reason: null, reason: estimate.reason, ...untested };
  return { value, low, high, interval_reason: estimate.intervalReason ?? null, reason: null, ...untested };
}

/** Intervals from resamples that all statistics of the same units share. */
export function intervals({ bootstrap }: Config, units: 'prompts' | 'losses'): IntervalOptions {
  return {
    resamples: resampler(bootstrap.seed, units, bootstrap.resamples),
    level: bootstrap.level,
    method: bootstrap.method,
  };
}

/** The prompts' own scores, in their order; null where they are not known. */
export function scoresOfPrompts(
  ids: readonly string[],
  prompts: Prompts | undefined,
  attribute: string,
): (number | null)[] {
  return ids.map((id) => prompts?.byId.get(id)?.score[attribute] ?? null);
}

export function promptsIn(subset: PromptSubset, ids: readonly string[], scores: readonly (number | null)[]): string[] {
  return ids.filter((_, p) => inSubset(subset, scores[p] ?? Number.NaN));
}

/** What stands for the score of a continuation without a text. */
export function emptyScore({ empty }: Config): number {
  return empty === 'lowest' ? 0 : Number.NaN;
}

export function emptyShare(grid: ScoreGrid, ids: readonly string[], k: number): number | null {
  return ids.length === 0 ? null : grid.empty(ids) / (ids.length * k);
}

export function scorerOf({ scorers }: ScoreGrid): string | null {
  return scorers.length === 0 ? null : scorers.join(', ');
}

export function promptScorerOf(prompts: Prompts | undefined): string | null {
  return prompts === undefined || prompts.scorers.length === 0 ? null : prompts.scorers.join(', ');
}

/** Names a set of prompts, whatever their order. */
export function promptSet(ids: readonly string[]): string {
  return createHash('sha256')
    .update([...ids].sort().join('\n'))
    .digest('hex')
    .slice(0, 16);
}
