import { columnPearson } from '@sonde/numerics';
import { BINARY_METRICS } from './binary-metrics.ts';
import { type Pairs, pairsOf, type Score } from './pairs.ts';

/** A score of predictions: one a column. */
export type Metric = (pairs: Pairs) => Score[];

/** The metrics by name; a new one is a function and a line here. */
export const METRICS = { pearson, mse, r2, within_pearson: withinPearson, ...BINARY_METRICS } satisfies Record<
  string,
  Metric
>;

export type MetricName = keyof typeof METRICS;

/** Every metric of one column. */
export type Scores = Readonly<Record<MetricName, Score>>;

/** Every metric of each column. */
export function scorePairs(pairs: Pairs): Scores[] {
  const names = Object.keys(METRICS) as MetricName[];
  const byName = names.map((name) => METRICS[name](pairs));
  return Array.from(
    { length: pairs.columns },
    (_, c) => Object.fromEntries(names.map((name, i) => [name, byName[i]![c]!])) as Scores,
  );
}

/** What every metric of a fold without a fit is. */
export const NO_SCORES = Object.fromEntries(
  Object.keys(METRICS).map((name) => [name, { value: null, reason: 'too_few_rows' }]),
) as Scores;

/** Pearson's correlation of targets and predictions. */
export function pearson(pairs: Pairs): Score[] {
  const { target, predicted, columns, ofTarget, ofPredicted } = pairs;
  const r = columnPearson(target, predicted, columns, ofTarget, ofPredicted);
  return byColumn(pairs, 3, (c): Score => {
    if (ofTarget.constant(c)) return { value: null, reason: 'constant_target' };
    if (ofPredicted.constant(c)) return { value: null, reason: 'constant_prediction' };
    return { value: r[c]! };
  });
}

/** Mean squared error, in the square of the target's unit. */
function mse(pairs: Pairs): Score[] {
  const errors = squaredErrors(pairs);
  return byColumn(pairs, 1, (c): Score => ({ value: errors[c]! / pairs.n }));
}

/** Share of the held-out rows' variance that is predicted: 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; below 0 where ȳ does better. */
function r2(pairs: Pairs): Score[] {
  const errors = squaredErrors(pairs);
  return byColumn(pairs, 2, (c): Score => {
    if (pairs.ofTarget.constant(c)) return { value: null, reason: 'constant_target' };
    return { value: 1 - errors[c]! / pairs.ofTarget.squares[c]! };
  });
}

/**
 * Pearson's correlation of what is left of targets and predictions after the mean of their group: how well a probe
 * tells a prompt's own continuations apart. Undefined where no group has two rows that differ.
 */
function withinPearson(pairs: Pairs): Score[] {
  const { target, predicted, columns, groups } = pairs;
  return pearson(
    pairsOf(lessGroupMeans(target, columns, groups), lessGroupMeans(predicted, columns, groups), columns, groups),
  );
}

function lessGroupMeans(values: Float64Array, columns: number, groups: Int32Array): Float64Array {
  const count = groups.reduce((most, group) => Math.max(most, group + 1), 0);
  const rows = new Int32Array(count);
  const first = new Int32Array(count);
  for (const [row, group] of groups.entries()) if (rows[group]!++ === 0) first[group] = row;
  // Less the group's first row, so that large values cost no digits.
  const out = new Float64Array(values.length);
  const means = new Float64Array(count * columns);
  for (const [row, group] of groups.entries()) {
    for (let c = 0; c < columns; c++) {
      const at = row * columns + c;
      out[at] = values[at]! - values[first[group]! * columns + c]!;
      means[group * columns + c] = means[group * columns + c]! + out[at]! / rows[group]!;
    }
  }
  for (const [row, group] of groups.entries()) {
    for (let c = 0, at = row * columns; c < columns; c++, at++) out[at] = out[at]! - means[group * columns + c]!;
  }
  return out;
}

function squaredErrors({ target, predicted, columns }: Pairs): Float64Array {
  const squares = new Float64Array(columns);
  for (let at = 0; at < target.length; ) {
    for (let c = 0; c < columns; c++, at++) squares[c] = squares[c]! + (target[at]! - predicted[at]!) ** 2;
  }
  return squares;
}

function byColumn(pairs: Pairs, least: number, scoreOf: (column: number) => Score): Score[] {
  return Array.from({ length: pairs.columns }, (_, c) =>
    pairs.n < least ? { value: null, reason: 'too_few_rows' as const } : scoreOf(c),
  );
}
