import type { RunContext } from '@sonde/executor';
import {
  PREDICTIONS,
  PROBE_SCORES,
  type RowOf,
  type Scenario,
  writeProbeWeights,
  writeRowParts,
  writeRows,
} from '@sonde/formats';
import type { Baseline } from '@sonde/formats/columns';
import {
  bagOfWords,
  type Features,
  groupedFolds,
  type ProbeResult,
  randomDirection,
  textLength,
  trainProbes,
} from '@sonde/probing';
import { type ProbeSet, readProbeData } from './data.ts';
import type { Config } from './kind.ts';

/** What was probed: the model's states, or something simpler that a probe score is read against. */
type FeatureKind = 'states' | Baseline;

interface Probed {
  readonly features: FeatureKind;
  /** Null for features that know no layers. */
  readonly layer: number | null;
  readonly result: ProbeResult;
}

type ScoreRow = RowOf<typeof PROBE_SCORES>;
type PredictionRow = RowOf<typeof PREDICTIONS>;

/** The labels of a result: its scenario is one of those that `readProbeData` gave its target. */
const labelsOf = ({ scenario, target }: ProbeResult) => ({ scenario: scenario as Scenario, target });

const scoreRows = ({ features, layer, result }: Probed, depth: number, mode: string): ScoreRow[] =>
  result.folds.map((fold) => ({
    features,
    layer,
    relative_depth: layer === null ? null : layer / depth,
    ...labelsOf(result),
    fold: fold.fold,
    pearson: fold.scores.pearson.value,
    mse: fold.scores.mse.value,
    selectivity: fold.selectivity,
    compression: null,
    n: fold.n,
    penalty: fold.penalty,
    mode,
    reason: fold.scores.pearson.reason ?? null,
  }));

const predictionRows = (result: ProbeResult, layer: number, set: ProbeSet, folds: Int32Array): PredictionRow[] => {
  const truth = set.targets.find(
    ({ scenario, name }) => scenario === result.scenario && name === result.target,
  )!.values;
  return set.rows.flatMap(({ promptId, sample }, i) => {
    const prediction = result.predictions?.[i] ?? Number.NaN;
    if (Number.isNaN(prediction) || Number.isNaN(truth[i]!)) return [];
    return [
      {
        prompt_id: promptId,
        sample,
        ...labelsOf(result),
        layer,
        fold: folds[i]!,
        truth: truth[i]!,
        prediction,
      },
    ];
  });
};

const textBaselines = (
  texts: readonly string[],
  asked: readonly Baseline[],
  words: number,
): { features: FeatureKind; values: Features }[] => [
  ...(asked.includes('bag_of_words') ? [{ features: 'bag_of_words' as const, values: bagOfWords(texts, words) }] : []),
  ...(asked.includes('text_length') ? [{ features: 'text_length' as const, values: textLength(texts) }] : []),
];

/** One warning for each scenario × target whose probes have no score in any layer and fold. */
const undefinedProbes = (probed: readonly Probed[]): string[] => {
  const reasons = new Map<string, Set<string>>();
  const defined = new Set<string>();
  for (const { result } of probed.filter(({ features }) => features === 'states')) {
    const name = `${result.scenario} ${result.target}`;
    for (const { scores } of result.folds) {
      const { value, reason } = scores.pearson;
      if (value !== null) defined.add(name);
      else if (reason !== undefined)
        reasons.set(name, (reasons.get(name) ?? new Set()).add(reason.replaceAll('_', ' ')));
    }
  }
  return [...reasons]
    .filter(([name]) => !defined.has(name))
    .map(([name, why]) => `no probe score for ${name}: ${[...why].join(', ')}`);
};

/** `probe/train`. */
export async function run(context: RunContext<Config>): Promise<void> {
  if (!context.config.predictions) return train(context, async () => {});
  // A row for each layer, target and state: written as they come.
  await writeRowParts(context.output('predictions'), PREDICTIONS, (append) => train(context, append));
}

/** @param predict takes the rows of predictions */
async function train(
  context: RunContext<Config>,
  predict: (rows: readonly PredictionRow[]) => Promise<void>,
): Promise<void> {
  const { config, device, log, output, progress, signal } = context;
  const { states, sets } = await readProbeData(config, log);
  const { baselines, mode, seed, penalties, scale, site } = config;
  const depth = Math.max(1, ...states.layers);
  const total = sets.length * (states.layers.length + 1);
  const probed: Probed[] = [];
  let done = 0;
  progress(done, total, 'layers');

  for (const set of sets) {
    const folds = groupedFolds(set.groups, config.folds, seed);
    const common = {
      seed,
      learner: { name: 'ridge', penalties, scale, extend: false, threads: device.threads },
      permutationPenalty: 'target',
      targets: set.targets,
      groups: set.groups,
      folds,
    } as const;
    const add = async (
      features: FeatureKind,
      layer: number | null,
      values: Features,
      permutations = 0,
    ): Promise<Probed[]> => {
      const results = await trainProbes({ ...common, ...values, permutations });
      return results.map((result) => ({ features, layer, result }));
    };
    if (set.texts === undefined && baselines.some((name) => name !== 'random_direction')) {
      log('warning', `no text baselines for the ${set.span} states: \`continuations\` is missing`);
    }
    for (const { features, values } of textBaselines(
      set.texts ?? [],
      set.texts === undefined ? [] : baselines,
      config.words,
    )) {
      probed.push(...(await add(features, null, values)));
    }
    progress(++done, total, 'layers');
    for (const [index, layer] of states.layers.entries()) {
      signal.throwIfAborted();
      const values = { states: await states.layerStates(set.rows, index), d: states.hiddenSize };
      const results = await add('states', layer, values, config.control.permutations);
      probed.push(...results);
      if (config.predictions)
        for (const { result } of results) await predict(predictionRows(result, layer, set, folds));
      if (baselines.includes('random_direction')) {
        probed.push(...(await add('random_direction', layer, randomDirection(values.states, values.d, seed))));
      }
      progress(++done, total, 'layers');
    }
  }

  for (const warning of undefinedProbes(probed)) log('warning', warning);
  const scores = probed.flatMap((item) => scoreRows(item, depth, mode));
  await writeRows(output('scores'), PROBE_SCORES, scores);
  const { layers, hiddenSize } = states;
  const fitted = probed
    .filter(({ features }) => features === 'states')
    .map(({ layer, result }) => ({ ...labelsOf(result), layer: layer!, map: result.refit }));
  await writeProbeWeights(output('weights'), fitted, { layers, hiddenSize, site });
}
