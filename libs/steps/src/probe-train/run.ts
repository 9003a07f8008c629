import type { RunConfig, RunContext } from '@sonde/executor';
import {
  bagOfWords,
  type Features,
  groupedFolds,
  type ProbeResult,
  randomDirection,
  textLength,
  trainProbes,
} from '@sonde/probing';
import { tableFromRows, writeParquet, writeParquetParts } from '@sonde/tables';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { number, strings, text } from '../inputs.ts';
import { type ProbeSet, readProbeData } from './data.ts';

/** What was probed: the model's states, or something simpler that a probe score is read against. */
type FeatureKind = 'states' | 'bag_of_words' | 'text_length' | 'random_direction';

interface Probed {
  readonly features: FeatureKind;
  /** Null for features that know no layers. */
  readonly layer: number | null;
  readonly result: ProbeResult;
}

const SCORE_SCHEMA = [
  { name: 'features', type: 'string' },
  { name: 'layer', type: 'int32' },
  { name: 'relative_depth', type: 'float64' },
  { name: 'scenario', type: 'string' },
  { name: 'target', type: 'string' },
  { name: 'fold', type: 'int32' },
  { name: 'pearson', type: 'float64' },
  { name: 'mse', type: 'float64' },
  { name: 'selectivity', type: 'float64' },
  { name: 'compression', type: 'float64' },
  { name: 'n', type: 'int32' },
  { name: 'penalty', type: 'float64' },
  { name: 'mode', type: 'string' },
  { name: 'reason', type: 'string' },
] as const;

const PREDICTION_SCHEMA = [
  { name: 'prompt_id', type: 'string' },
  { name: 'sample', type: 'int32' },
  { name: 'scenario', type: 'string' },
  { name: 'target', type: 'string' },
  { name: 'layer', type: 'int32' },
  { name: 'fold', type: 'int32' },
  { name: 'truth', type: 'float64' },
  { name: 'prediction', type: 'float64' },
] as const;

const scoreRows = ({ features, layer, result }: Probed, depth: number, mode: string): Record<string, unknown>[] =>
  result.folds.map((fold) => ({
    features,
    layer,
    relative_depth: layer === null ? null : layer / depth,
    scenario: result.scenario,
    target: result.target,
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

const predictionRows = ({ layer, result }: Probed, set: ProbeSet, folds: Int32Array): Record<string, unknown>[] => {
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
        scenario: result.scenario,
        target: result.target,
        layer,
        fold: folds[i],
        truth: truth[i],
        prediction,
      },
    ];
  });
};

/** `<scenario>.weights` [layers, targets, d] and `<scenario>.intercepts` [layers, targets]; a probe that could not be fitted is zero. */
const weightTensors = (
  probed: readonly Probed[],
  layers: readonly number[],
  d: number,
): { tensors: Record<string, TensorEntry>; metadata: Record<string, string> } => {
  const tensors: Record<string, TensorEntry> = {};
  const targetsByScenario: Record<string, string[]> = {};
  for (const scenario of new Set(probed.map(({ result }) => result.scenario))) {
    const ofScenario = probed.filter(({ result }) => result.scenario === scenario);
    const targets = [...new Set(ofScenario.map(({ result }) => result.target))];
    const weights = new Float64Array(layers.length * targets.length * d);
    const intercepts = new Float64Array(layers.length * targets.length);
    for (const { layer, result } of ofScenario) {
      if (result.refit === null) continue;
      const at = layers.indexOf(layer!) * targets.length + targets.indexOf(result.target);
      weights.set(result.refit.weights, at * d);
      intercepts[at] = result.refit.intercept;
    }
    tensors[`${scenario}.weights`] = { dtype: 'F64', shape: [layers.length, targets.length, d], data: weights };
    tensors[`${scenario}.intercepts`] = { dtype: 'F64', shape: [layers.length, targets.length], data: intercepts };
    targetsByScenario[scenario] = targets;
  }
  return { tensors, metadata: { layers: JSON.stringify(layers), targets: JSON.stringify(targetsByScenario) } };
};

const textBaselines = (
  texts: readonly string[],
  asked: readonly string[],
  words: number,
): { features: FeatureKind; values: Features }[] => [
  ...(asked.includes('bag_of_words') ? [{ features: 'bag_of_words' as const, values: bagOfWords(texts, words) }] : []),
  ...(asked.includes('text_length') ? [{ features: 'text_length' as const, values: textLength(texts) }] : []),
];

const probeOptions = (config: RunConfig, threads: number) => ({
  seed: number(config, 'seed'),
  learner: {
    name: 'ridge' as const,
    penalties: config.penalties as unknown as readonly number[],
    scale: config.scale === true,
    extend: false,
    threads,
  },
  permutationPenalty: 'target' as const,
});

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
export const run = async (context: RunContext): Promise<void> => {
  if (context.config.predictions !== true) return train(context, async () => {});
  // A row for each layer, target and state: written as they come.
  await writeParquetParts(context.output('predictions'), async (append) => {
    const write = (rows: Record<string, unknown>[]) => append(tableFromRows(rows, PREDICTION_SCHEMA));
    await write([]);
    await train(context, write);
  });
};

/** @param predict takes the rows of predictions */
const train = async (
  context: RunContext,
  predict: (rows: Record<string, unknown>[]) => Promise<void>,
): Promise<void> => {
  const { config, device, log, output, progress, signal } = context;
  const { states, sets } = await readProbeData(config);
  const baselines = strings(config, 'baselines') ?? [];
  const mode = text(config, 'mode');
  const options = probeOptions(config, device.threads);
  const controlled = (config.control as { permutations: number }).permutations;
  const depth = Math.max(1, ...states.layers);
  const total = sets.length * (states.layers.length + 1);
  const probed: Probed[] = [];
  let done = 0;
  progress(done, total, 'layers');

  for (const set of sets) {
    const folds = groupedFolds(set.groups, number(config, 'folds'), options.seed);
    const common = { ...options, targets: set.targets, groups: set.groups, folds };
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
      number(config, 'words'),
    )) {
      probed.push(...(await add(features, null, values)));
    }
    progress(++done, total, 'layers');
    for (const [index, layer] of states.layers.entries()) {
      signal.throwIfAborted();
      const values = { states: await states.layerStates(set.rows, index), d: states.hiddenSize };
      const results = await add('states', layer, values, controlled);
      probed.push(...results);
      if (config.predictions === true) for (const item of results) await predict(predictionRows(item, set, folds));
      if (baselines.includes('random_direction')) {
        probed.push(...(await add('random_direction', layer, randomDirection(values.states, values.d, options.seed))));
      }
      progress(++done, total, 'layers');
    }
  }

  for (const warning of undefinedProbes(probed)) log('warning', warning);
  const scores = probed.flatMap((item) => scoreRows(item, depth, mode));
  await writeParquet(output('scores'), tableFromRows(scores, SCORE_SCHEMA));
  const { tensors, metadata } = weightTensors(
    probed.filter(({ features }) => features === 'states'),
    states.layers,
    states.hiddenSize,
  );
  const { site } = config;
  await writeSafetensors(output('weights'), tensors, { ...metadata, ...(typeof site === 'string' && { site }) });
};
