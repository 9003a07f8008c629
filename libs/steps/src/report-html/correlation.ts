import type { JsonObject } from '@sonde/base';
import type { CORRELATIONS, RowOf } from '@sonde/formats';
import { areRelated, type CorrelationRow, type CorrelationSection, type Wording, wordingOf } from '@sonde/report';
import { estimateOf } from './rows.ts';

type Row = RowOf<typeof CORRELATIONS>;

/** Encoding against behaviour, across models. */
export function correlationSection(rows: readonly Row[], config: JsonObject): CorrelationSection | undefined {
  const [first] = rows;
  if (first === undefined) return undefined;
  const most = rows.reduce((best, row) => (row.units > best.units ? row : best), first);
  const partials = partialsOf(most, rows);
  const bootstrap = rows.find(({ bootstrap_over }) => bootstrap_over !== null)?.bootstrap_over;
  return {
    models: most.units,
    notes: [
      ...encodingNotes(first),
      ...limitsOf(most, rows),
      ...spreadNotes(rows),
      ...partials.notes,
      ...promptNotes(rows),
    ],
    unit: first.unit,
    families: most.families,
    behavior: behaviorText(first.metric, wordingOf(rows.map(({ attribute }) => attribute))),
    coefficient: 'pearson',
    adjustment: `${first.multiplicity.replace('benjamini', 'Benjamini').replace('-hochberg', '–Hochberg').replace('-yekutieli', '–Yekutieli').replace('holm', 'Holm')} over ${rows.length} correlations`,
    interval: {
      level: (config.bootstrap as { level?: number } | undefined)?.level ?? 0.95,
      method: `Fisher’s z over ${first.unit}s`,
    },
    axis: first.layer === undefined ? 'relative_depth' : 'layer',
    ...(partials.given !== undefined && { given: partials.given }),
    ...(bootstrap != null && { bootstrap: bootstrap.replace('units', `${first.unit}s`) }),
    rows: rows.map(rowOf),
  };
}

const PROBE_METRICS: Readonly<Record<string, string>> = {
  r2: 'R²',
  auc: 'AUC',
  balanced_accuracy: 'balanced accuracy',
  macro_f1: 'macro-F1',
};

/** What encoding is, where it is not the correlation that the section on probes shows. */
function encodingNotes({ probe_metric }: Row): string[] {
  if (probe_metric === null || probe_metric === undefined || probe_metric === 'pearson') return [];
  return [`What is correlated with behaviour is the ${PROBE_METRICS[probe_metric] ?? probe_metric} of the probes.`];
}

/** What behaviour is, in words. */
function behaviorText(metric: Row['metric'], { short, probability }: Wording): string {
  return metric === 'emt' ? short : metric === 'probability' ? probability : metric.replaceAll('_', ' ');
}

function rowOf(row: Row): CorrelationRow {
  const { pearson, partial, corrected, reason } = row;
  return {
    scenario: row.scenario,
    target: row.attribute,
    position: row.layer ?? row.relative_depth!,
    coefficient: estimateOf({ value: pearson, low: row.low, high: row.high, reason }),
    p: row.pearson_p_adjusted,
    familyWise: row.family_wise_p,
    partial: { value: partial, low: row.partial_low, high: row.partial_high, ...why(partial) },
    partialP: row.partial_p_adjusted,
    partialFamilyWise: row.partial_family_wise_p,
    corrected: { value: corrected, low: row.corrected_low, high: row.corrected_high },
    leftOut: pairOf(row.left_out_low, row.left_out_high),
    bootstrap: pairOf(row.bootstrap_low, row.bootstrap_high),
    pooled: { value: row.pooled, low: row.pooled_low, high: row.pooled_high },
    againstFirst:
      row.first_difference === null ? null : { difference: row.first_difference, p: row.first_difference_p },
    n: row.units,
  };
}

function why(partial: number | null): { reason?: string } {
  return partial === null ? { reason: 'the covariates leave nothing to correlate, or the units are too few' } : {};
}

function pairOf(low: number | null, high: number | null): [number, number] | null {
  return low === null || high === null ? null : [low, high];
}

/** What partial correlations are given, where that makes them others than r; where it does not, why. */
function partialsOf({ unit, units }: Row, rows: readonly Row[]): { given?: string; notes: string[] } {
  const names = rows.find(({ partial_given }) => partial_given !== null)?.partial_given;
  if (names == null) return { notes: [] };
  const given = givenText(names);
  const known = rows.filter(({ partial }) => partial !== null);
  if (known.length === 0) return { notes: [`What remains of r given ${given} is undefined over ${units} ${unit}s.`] };
  const differs = known.some(({ pearson, partial }) => Math.abs(partial! - (pearson ?? 0)) > 1e-9);
  if (!differs && known.length < rows.filter(({ pearson }) => pearson !== null).length) {
    return {
      notes: [`Where ${unit}s differ in ${given}, what remains of r given it is undefined over ${units} of them.`],
    };
  }
  return differs
    ? { given, notes: [] }
    : { notes: [`All ${unit}s agree in ${given}: what remains of r given it is r.`] };
}

function givenText(given: string): string {
  return given
    .split(', ')
    .map((name) => (name === 'target_sd' ? 'the spread of the labels' : name.replaceAll('_', ' ')))
    .join(' and ');
}

/** What correlations over so few units can show, and how many stand against all that were tried. */
function limitsOf(most: Row, rows: readonly Row[]): string[] {
  const { unit, units, families, smallest_rank_p, detectable } = most;
  const firm = rows.filter(({ family_wise_p }) => family_wise_p !== null && family_wise_p < 0.05).length;
  const least = smallest_rank_p < 0.001 ? '' : ` The smallest p that ranks can have is ${smallest_rank_p.toFixed(3)}.`;
  const related =
    families === null || families >= units
      ? [
          `Nothing says which of the ${unit}s are related (family of correlate/models): they are taken as independent, and relatives are not.`,
        ]
      : [];
  const blocks = families === null || families >= units ? '' : `, ${families} families changing places as blocks`;
  return [
    `With n = ${units} (values of ${unit}) a correlation must be ${detectable.toFixed(2)} to be found four times out of five.${least}`,
    ...related,
    `Against the largest correlation of all that were tried (permutation of ${unit}s${blocks}), ${firm} of ${rows.length} have p below 0.05.`,
  ];
}

/** Whether probes read labels of different spread, and what that explains. */
function spreadNotes(rows: readonly Row[]): string[] {
  const differing = rows.filter(
    ({ target_sd_min: least, target_sd_max: most }) => least !== null && most !== null && most > least * 1.02,
  );
  if (differing.length === 0) return [];
  const scenarios = [...new Set(differing.map(({ scenario }) => scenario))].join(', ');
  // Related units are no independent ones, as which the adjusted p takes them.
  const related = differing.some(({ families, units }) => areRelated({ families, models: units }));
  const below = (p: number | null) => p !== null && p < 0.05;
  const firm = differing.filter((row) => below(related ? row.family_wise_p : row.pearson_p_adjusted));
  const tested = firm.some(({ partial }) => partial !== null);
  const left = firm.filter((row) => below(related ? row.partial_family_wise_p : row.partial_p_adjusted)).length;
  const p = related ? 'a family-wise p' : 'an adjusted p';
  const kept =
    firm.length === 0
      ? [`None of these correlations has ${p} below 0.05.`]
      : tested
        ? [
            `Of ${firm.length} of these correlations with ${p} below 0.05, ${left} keep it once that spread is given (partial r).`,
          ]
        : [];
  const varied = `In ${scenarios} the labels of one model vary more than those of another, because each is probed on its own texts, and a probe reads labels that vary more with a higher correlation.`;
  return [[varied, ...kept].join(' ')];
}

function promptNotes(rows: readonly Row[]): string[] {
  const common = rows.filter(({ common_prompts, prompts }) => common_prompts === true && prompts !== null);
  if (common.length === 0) return [];
  const counts = common.map(({ prompts }) => prompts!);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return [
    `Behaviour is over the ${least === most ? least : `${least} to ${most}`} prompts that every model has all scores of.`,
  ];
}
