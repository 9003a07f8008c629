import type { COMPARISON, RowOf } from '@sonde/formats';
import {
  bootstrapInterval,
  INTERVAL_UNITS,
  type ResampleProvider,
  type ScoreAgreement,
  scoreAgreement,
} from '@sonde/statistics';
import type { Config } from './config.ts';
import type { TextGroup } from './groups.ts';

type Row = RowOf<typeof COMPARISON>;
export type MeasureRow = Omit<Row, 'attribute' | 'scorer' | 'reference'>;

/** Scores of one attribute of all texts, NaN where there is none; and the unit (prompt) that each text belongs to. */
export interface Pairs {
  readonly scores: Float64Array;
  readonly references: Float64Array;
  readonly units: Int32Array;
}

/** What is measured of pairs, in the order of the table. */
function measuresOf({ thresholds, label_threshold: label }: Config) {
  const of = (
    measure: Row['measure'],
    read: (found: ScoreAgreement) => number | null,
    threshold: number | null = null,
  ) => ({
    measure,
    threshold,
    read,
  });
  return [
    of('pearson', ({ pearson }) => pearson),
    of('spearman', ({ spearman }) => spearman),
    of('difference', ({ difference }) => difference),
    of('absolute_difference', ({ absoluteDifference }) => absoluteDifference),
    of('auc', ({ auc }) => auc, label),
    ...thresholds.flatMap((threshold, i) => [
      of('agreement', (found) => found.thresholds[i]!.agreement, threshold),
      of('kappa', (found) => found.thresholds[i]!.kappa, threshold),
      of('share', (found) => found.thresholds[i]!.share, threshold),
      of('reference_share', (found) => found.thresholds[i]!.referenceShare, threshold),
    ]),
  ];
}

/** Every measure of a group of texts, with intervals over its prompts, or texts where these belong to none. */
export function measureGroup(
  { scores, references, units }: Pairs,
  group: TextGroup,
  config: Config,
  resamples: ResampleProvider,
): MeasureRow[] {
  const rows = group.rows.filter((row) => !Number.isNaN(scores[row]!) && !Number.isNaN(references[row]!));
  const places = new Map<number, number>();
  const unitOf = Int32Array.from(rows, (row) => {
    const unit = units[row]!;
    const place = places.get(unit) ?? places.size;
    places.set(unit, place);
    return place;
  });
  const told = {
    by: group.by,
    group: group.name,
    n: rows.length,
    units: places.size,
    missing: group.rows.length - rows.length,
  };
  const measures = measuresOf(config);
  const empty = { value: null, low: null, high: null };
  if (rows.length === 0) {
    return measures.map(({ measure, threshold }) => ({ ...told, measure, threshold, ...empty, reason: 'no_pairs' }));
  }
  const compare = scoreAgreement(
    Float64Array.from(rows, (row) => scores[row]!),
    Float64Array.from(rows, (row) => references[row]!),
    { thresholds: config.thresholds, labelThreshold: config.label_threshold },
  );
  const whole = compare(new Uint32Array(rows.length).fill(1));
  const resampled = places.size < INTERVAL_UNITS ? [] : resample(compare, unitOf, resamples(places.size));
  return measures.map(({ measure, threshold, read }) => {
    const value = read(whole);
    if (value === null) return { ...told, measure, threshold, ...empty, reason: reasonFor(measure) };
    const distribution = Float64Array.from(resampled, (found) => read(found) ?? Number.NaN);
    const interval = bootstrapInterval(distribution, value, { units: places.size, level: config.bootstrap.level });
    const { low = null, high = null } = interval ?? {};
    return { ...told, measure, threshold, value, low, high, reason: null };
  });
}

/** The measures of each resample: a unit that is drawn twice counts twice, with all of its texts. */
function resample(
  compare: ReturnType<typeof scoreAgreement>,
  unitOf: Int32Array,
  { units, count, indices }: ReturnType<ResampleProvider>,
): ScoreAgreement[] {
  const drawn = new Uint32Array(units);
  const counts = new Uint32Array(unitOf.length);
  return Array.from({ length: count }, (_, b) => {
    drawn.fill(0);
    for (let i = b * units; i < (b + 1) * units; i++) drawn[indices[i]!]! += 1;
    for (let row = 0; row < counts.length; row++) counts[row] = drawn[unitOf[row]!]!;
    return compare(counts);
  });
}

function reasonFor(measure: Row['measure']): string {
  if (measure === 'auc') return 'one_label';
  return measure === 'kappa' ? 'one_side' : 'constant';
}
