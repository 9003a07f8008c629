import { groupBy, type JsonObject } from '@sonde/base';
import type { Baseline, PROBE_SCORES, RowOf } from '@sonde/formats';
import { overFolds } from '@sonde/probing';
import { attributeLabel, type BaselineRow, type Estimate, type ProbeSection } from '@sonde/report';
import { INTERVAL_UNITS } from '@sonde/statistics';
import { isOfPrompts } from '../shared/scenarios.ts';
import { ATTRIBUTE } from '../shared/schemas.ts';
import { type ModelRows, reasonText } from './rows.ts';

type ProbeRow = RowOf<typeof PROBE_SCORES>;

const BASELINE_LABELS: Readonly<Record<Baseline, string>> = {
  bag_of_words: 'bag of words',
  tf_idf: 'TF-IDF of words',
  text_length: 'text length',
  mean: 'mean',
  random_direction: 'random direction',
};

/** Mean over folds, with its interval over prompts: of several seeds, the mean of each. */
function scoreOf(rows: readonly ProbeRow[]): Estimate {
  const value = meanOf(rows, 'fold_mean');
  if (value !== null) return { value, low: meanOf(rows, 'fold_mean_low'), high: meanOf(rows, 'fold_mean_high') };
  const reason = rows.find((row) => row.reason !== null)?.reason ?? null;
  return { value: null, ...(reason !== null && { reason: reasonText(reason) }) };
}

type NumberColumn =
  | 'fold_mean'
  | 'fold_mean_low'
  | 'fold_mean_high'
  | 'r2'
  | 'within_prompt'
  | 'null_95'
  | 'null_mean'
  | 'selectivity';

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
  const states = probes.filter(({ features }) => features === 'states').map(({ labels }) => labels);
  const { level, resamples } = { level: 0.95, resamples: 1000, ...(config.bootstrap as object | undefined) };
  const permutations = Math.max(0, ...probes.map(({ folds }) => folds[0]!.permutations));
  return {
    ...(permutations > 0 && { permutations }),
    folds: Number(config.folds ?? new Set(tables[0]!.rows.map(({ fold }) => fold)).size),
    method: methodOf(probes.map(({ folds }) => folds[0]!)),
    interval: { level, resamples, method: 'bootstrap over prompts' },
    notes: [...unscoredNotes(states), ...notesOf(probes.map(({ folds }) => folds[0]!))],
    rows: probes.flatMap(({ features, layer, labels, folds, score }) => {
      if (features !== 'states' || layer === null) return [];
      const n = folds.reduce((sum, row) => sum + row.n, 0);
      const seeds = new Set(folds.map(({ seed }) => seed)).size;
      const [mean, upper] = [meanOf(folds, 'null_mean'), meanOf(folds, 'null_95')];
      const chance = mean === null || upper === null ? null : { mean, upper };
      return {
        ...labels,
        layer,
        score,
        r2: meanOf(folds, 'r2'),
        withinPrompt: meanOf(folds, 'within_prompt'),
        selectivity: { value: meanOf(folds, 'selectivity') },
        chance,
        n: n / seeds,
      };
    }),
    baselines: probes.flatMap(({ features, layer, labels, score }): BaselineRow[] => {
      return features === 'states' ? [] : [{ ...labels, baseline: BASELINE_LABELS[features], layer, score }];
    }),
  };
}

const METHODS: Readonly<Record<NonNullable<ProbeRow['learner']>, string>> = {
  ridge: 'ridge, penalty by inner cross-validation grouped by prompt',
  logistic: 'logistic regression, penalty by inner cross-validation grouped by prompt',
  mlp: 'a network of one hidden layer',
  sgd: 'the published procedure, mean over its five seeds',
  mean: 'the mean of the training rows',
};

/** What the probes were fitted by; the baseline `mean` has a learner of its own. */
function methodOf(rows: readonly ProbeRow[]): string {
  const learners = new Set(
    rows.flatMap(({ features, learner }) => (features === 'states' ? [learner ?? 'ridge'] : [])),
  );
  return [...learners].map((learner) => METHODS[learner]).join('; ');
}

/** What the prompts alone have scores of, where continuations have others: those come from another scorer. */
function unscoredNotes(probes: readonly Pick<ProbeRow, 'scenario' | 'target'>[]): string[] {
  const attributes = probes.filter(({ target }) => IS_ATTRIBUTE.test(target));
  const scored = new Set(attributes.flatMap(({ scenario, target }) => (isOfPrompts(scenario) ? [] : [target])));
  const alone = [...new Set(attributes.map(({ target }) => target))].filter((target) => !scored.has(target));
  return scored.size === 0 || alone.length === 0
    ? []
    : [
        `${alone.map(attributeLabel).join(', ')}: scores of the prompts alone, as their file has them; the scorer of the continuations gives none.`,
      ];
}

/** Other targets are the text’s length and the prompts’ own classes. */
const IS_ATTRIBUTE = new RegExp(ATTRIBUTE);

/** How chance and the control task are to be read. */
function notesOf(rows: readonly ProbeRow[]): string[] {
  const permutations = Math.max(0, ...rows.map((row) => row.permutations));
  return [
    ...(rows.some(({ interval_reason }) => interval_reason === 'too_few_groups')
      ? [`Scores of fewer than ${INTERVAL_UNITS} prompts have no interval.`]
      : []),
    ...(permutations > 0
      ? [
          `Chance: 95 % of ${permutations} permutations of the labels over prompts end below the upper edge of the shaded band; a probe inside it has read nothing that chance does not give.`,
        ]
      : []),
    'The control task gives each text a random score for one of its words, which a probe can only memorise. Selectivity is the score less that of this task; it lies above the score itself where the task’s own is below 0.',
  ];
}
