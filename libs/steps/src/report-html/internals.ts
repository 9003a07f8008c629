import { groupBy, type JsonObject } from '@sonde/base';
import type { Baseline, CORRELATIONS, PROBE_SCORES, RowOf } from '@sonde/formats';
import { overFolds } from '@sonde/probing';
import type { BaselineRow, CorrelationSection, Estimate, ProbeSection } from '@sonde/report';
import { estimateOf, type ModelRows, reasonText } from './rows.ts';

type ProbeRow = RowOf<typeof PROBE_SCORES>;

const BASELINE_LABELS: Readonly<Record<Baseline, string>> = {
  bag_of_words: 'bag of words',
  text_length: 'text length',
  random_direction: 'random direction',
};

/** Mean over folds, with its interval over prompts: of several seeds, the mean of each. */
function scoreOf(rows: readonly ProbeRow[]): Estimate {
  const value = meanOf(rows, 'fold_mean');
  if (value !== null) return { value, low: meanOf(rows, 'fold_mean_low'), high: meanOf(rows, 'fold_mean_high') };
  const reason = rows.find((row) => row.reason !== null)?.reason ?? null;
  return { value: null, ...(reason !== null && { reason: reasonText(reason) }) };
}

type NumberColumn = 'fold_mean' | 'fold_mean_low' | 'fold_mean_high' | 'null_95' | 'selectivity';

function meanOf(rows: readonly ProbeRow[], column: NumberColumn): number | null {
  return overFolds(rows.map((row) => row[column]))?.mean ?? null;
}

/** The folds of each probe: rows that differ in nothing but the fold. */
function byProbe(rows: readonly ProbeRow[]): ProbeRow[][] {
  return [
    ...groupBy(rows, ({ features, scenario, target, layer }) =>
      JSON.stringify([features, scenario, target, layer]),
    ).values(),
  ];
}

/** Probe scores by layer, with the baselines they are read against. */
export function probeSection(tables: readonly ModelRows<ProbeRow>[], config: JsonObject): ProbeSection | undefined {
  if (tables.length === 0) return undefined;
  const probes = tables.flatMap(({ model, rows }) =>
    byProbe(rows).map((folds) => {
      const { features, layer, scenario, target } = folds[0]!;
      return { features, layer, labels: { model, scenario, target }, folds, score: scoreOf(folds) };
    }),
  );
  const interval = { level: 0.95, resamples: 1000, ...(config.interval as object | undefined) };
  return {
    folds: Number(config.folds ?? new Set(tables[0]!.rows.map(({ fold }) => fold)).size),
    method:
      config.mode === 'paper'
        ? 'the published procedure, mean over its five seeds'
        : 'ridge, penalty by inner cross-validation grouped by prompt',
    interval: { level: interval.level, resamples: interval.resamples, method: 'bootstrap over prompts' },
    notes: notesOf(probes.map(({ folds }) => folds[0]!)),
    rows: probes.flatMap(({ features, layer, labels, folds, score }) => {
      if (features !== 'states' || layer === null) return [];
      const n = folds.reduce((sum, row) => sum + row.n, 0);
      const seeds = new Set(folds.map(({ seed }) => seed)).size;
      return { ...labels, layer, score, selectivity: { value: meanOf(folds, 'selectivity') }, n: n / seeds };
    }),
    baselines: probes.flatMap(({ features, layer, labels, folds, score }): BaselineRow[] => {
      if (features !== 'states') return [{ ...labels, baseline: BASELINE_LABELS[features], layer, score }];
      const chance = meanOf(folds, 'null_95');
      return chance === null ? [] : [{ ...labels, baseline: CHANCE, layer, score: { value: chance } }];
    }),
  };
}

const CHANCE = '95 % of permuted labels';

/** How chance and the control task are to be read. */
function notesOf(rows: readonly ProbeRow[]): string[] {
  const permutations = Math.max(0, ...rows.map((row) => row.permutations));
  return [
    ...(permutations > 0
      ? [
          `Chance: 95 % of ${permutations} permutations of the labels over prompts stay below the line “${CHANCE}”; a probe below it has read nothing that chance does not give.`,
        ]
      : []),
    'The control task gives each text a random score for one of its words, which a probe can only memorise. Selectivity is the score less that of this task; it lies above the score itself where the task’s own is below 0.',
  ];
}

/** What correlations over so few units can show, and how many stand against all that were tried. */
function limitsOf(most: RowOf<typeof CORRELATIONS>, rows: readonly RowOf<typeof CORRELATIONS>[]): string[] {
  const { unit, units, families, smallest_rank_p, detectable } = most;
  const firm = rows.filter(({ family_wise_p }) => family_wise_p !== null && family_wise_p < 0.05).length;
  const least = smallest_rank_p < 0.001 ? '' : ` The smallest p that ranks can have is ${smallest_rank_p.toFixed(3)}.`;
  const blocks = families === null ? '' : `, ${families} families changing places as blocks`;
  return [
    `With n = ${units} (values of ${unit}) a correlation must be ${detectable.toFixed(2)} to be found four times out of five.${least}`,
    `Against the largest correlation of all that were tried (permutation of ${unit}s${blocks}), ${firm} of ${rows.length} have p below 0.05.`,
  ];
}

/** Encoding against behaviour, across models. */
export function correlationSection(
  rows: readonly RowOf<typeof CORRELATIONS>[],
  config: JsonObject,
): CorrelationSection | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const most = rows.reduce((best, row) => (row.units > best.units ? row : best), first);
  return {
    models: most.units,
    notes: limitsOf(most, rows),
    unit: first.unit,
    behavior: first.metric === 'emt' ? 'EMT' : first.metric.replaceAll('_', ' '),
    coefficient: 'pearson',
    adjustment: `${first.multiplicity.replace('benjamini', 'Benjamini').replace('-hochberg', '–Hochberg').replace('-yekutieli', '–Yekutieli').replace('holm', 'Holm')} over ${rows.length} correlations`,
    interval: { level: Number(config.level ?? 0.95), method: `Fisher’s z over ${first.unit}s` },
    axis: first.layer === undefined ? 'relative_depth' : 'layer',
    rows: rows.map(({ scenario, attribute, layer, relative_depth, pearson, low, high, reason, ...row }) => ({
      scenario,
      target: attribute,
      position: layer ?? relative_depth!,
      coefficient: estimateOf({ value: pearson, low, high, reason }),
      p: row.pearson_p_adjusted,
      n: row.units,
    })),
  };
}
