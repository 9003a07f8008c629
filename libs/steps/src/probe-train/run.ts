import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import {
  PREDICTIONS,
  PROBE_SCORES,
  type StatesFile,
  writeProbeWeights,
  writeRowParts,
  writeRows,
} from '@sonde/formats';
import {
  bagOfWords,
  type Features,
  groupedFolds,
  type LearnerChoice,
  type Progress,
  partsOf,
  randomDirection,
  termFrequencies,
  textLength,
} from '@sonde/probing';
import { resampler } from '@sonde/statistics';
import { type Config, IN_MEMORY, isOfText } from './config.ts';
import { type ProbeSet, readProbeData } from './data.ts';
import type { LayerRange } from './division.ts';
import { controlsOf, type FeatureKind, type FoldedSet, learnersOf, type Probed, probeFeatures } from './probing.ts';
import { type PredictionRow, predictionRows, type ScoreRow, scoreRows } from './rows.ts';
import { splitFolds } from './split.ts';
import { warningsOf } from './warnings.ts';
import { fittedMaps } from './weights.ts';

export { combine } from './combine.ts';

/** `probe/train`. */
export async function run(context: RunContext<Config, LayerRange>): Promise<void> {
  if (!context.config.predictions) return train(context, async () => {});
  // A row for each layer, target and state: written as they come.
  await writeRowParts(context.output('predictions'), PREDICTIONS, (append) => train(context, append));
}

/** @param predict takes the rows of predictions */
async function train(
  context: RunContext<Config, LayerRange>,
  predict: (rows: readonly PredictionRow[]) => Promise<void>,
): Promise<void> {
  const { config, device, log, output, progress, shard, signal } = context;
  const { states, sets } = await readProbeData(config, log);
  const { baselines, mode, seed, site } = config;
  const depth = Math.max(1, ...states.layers);
  const learners = learnersOf(config, device);
  const chosen = chosenLayers(config, states);
  const { baselines: withBaselines, layers } = shard ?? { baselines: true, layers: chosen };
  const total = sets.length * (layers.length + Number(withBaselines)) * learners.length;
  const ofStates: Probed[] = [];
  const scores: ScoreRow[] = [];
  let done = 0;
  const within: Progress = (share) => progress(Math.floor((done + share) * 10) / 10, total, 'layers');
  within(0);

  for (const set of sets) {
    const folded = foldedSet(config, set);
    const probe = async (
      features: FeatureKind,
      layer: number | null,
      values: Features,
      learner: (typeof learners)[0],
      inTraining: Progress,
    ) => {
      signal.throwIfAborted();
      const probed = await probeFeatures(config, folded, { features, layer, values }, learner, inTraining);
      scores.push(...probed.flatMap((item) => scoreRows(item, depth, mode)));
      return probed;
    };
    if (set.texts === undefined && (config.control.task || baselines.some(isOfText))) {
      log('warning', `no text baselines and control task for the ${set.span} states: \`continuations\` is missing`);
    }
    const simpler = [...textBaselines(config, set.texts), ...meanBaseline(config, set)];
    for (const learner of withBaselines ? learners : []) {
      const inEach = partsOf(
        within,
        simpler.map(() => 1),
      );
      for (const [i, { features, valuesOf, by }] of simpler.entries()) {
        await probe(features, null, valuesOf(), { ...learner, learner: by(learner.learner) }, inEach[i]!);
      }
      done++;
      within(0);
    }
    for (const layer of layers) {
      const index = states.layers.indexOf(layer);
      const values = { states: await statesOf(states, set, index), d: states.hiddenSize };
      const direction = baselines.includes('random_direction') && randomDirection(values.states, values.d, seed);
      for (const learner of learners) {
        const [inStates, inDirection] = partsOf(within, [values.d, direction ? 1 : 0]) as [Progress, Progress];
        const probed = await probe('states', layer, values, learner, inStates);
        for (const item of probed) {
          if (config.predictions) await predict(predictionRows(item, folded));
          // Predictions are as long as the states: kept only until they are written.
          ofStates.push({ ...item, result: { ...item.result, predictions: null } });
        }
        if (direction) await probe('random_direction', layer, direction, learner, inDirection);
        done++;
        within(0);
      }
    }
  }

  // Shards are spoken of together, where they are combined.
  if (shard === undefined) for (const warning of warningsOf(scores)) log('warning', warning);
  await writeRows(output('scores'), PROBE_SCORES, scores);
  const { hiddenSize } = states;
  await writeProbeWeights(output('weights'), fittedMaps(ofStates), { layers, hiddenSize, site });
}

/** @throws UserError where a layer that was asked for was not captured */
function chosenLayers({ layers }: Config, states: StatesFile): readonly number[] {
  const strange = layers?.find((layer) => !states.layers.includes(layer));
  if (strange !== undefined) {
    throw new UserError('config', `the states have no layer ${strange}; they have ${states.layers.join(', ')}`);
  }
  return layers ?? states.layers;
}

async function statesOf(states: StatesFile, { rows }: ProbeSet, index: number): Promise<Features['states']> {
  if (rows.length * states.hiddenSize <= IN_MEMORY) return states.layerStates(rows, index);
  return { rows: rows.length, read: (of) => states.layerRows(rows, index, of) };
}

function foldedSet(config: Config, set: ProbeSet): FoldedSet {
  const { folds, seed, bootstrap } = config;
  const { sides, groups } = set;
  return {
    set,
    folds: sides ? splitFolds(sides, groups, folds, seed) : groupedFolds(groups, folds, seed),
    heldOut: sides && [0],
    resamples: resampler(seed, 'probe', bootstrap.resamples),
    controls: controlsOf(config, set),
  };
}

/** Features that are no layer's, and what is fitted on them. */
interface Simpler {
  readonly features: FeatureKind;
  /** Made when they are probed: of many texts, one kind at a time is enough in memory. */
  valuesOf(): Features;
  by(learner: LearnerChoice): LearnerChoice;
}

const BY_THE_SAME = (learner: LearnerChoice) => learner;

function textBaselines({ baselines, words }: Config, texts: readonly string[] | undefined): Simpler[] {
  if (texts === undefined) return [];
  const simpler: Simpler[] = [];
  if (baselines.includes('bag_of_words')) {
    simpler.push({ features: 'bag_of_words', valuesOf: () => bagOfWords(texts, words), by: BY_THE_SAME });
  }
  if (baselines.includes('tf_idf')) {
    // A column divided by its standard deviation would lose the weight that the word was given.
    const by = (learner: LearnerChoice) => ('penalties' in learner ? { ...learner, scale: false } : learner);
    simpler.push({ features: 'tf_idf', valuesOf: () => termFrequencies(texts, words), by });
  }
  if (baselines.includes('text_length')) {
    simpler.push({ features: 'text_length', valuesOf: () => textLength(texts), by: BY_THE_SAME });
  }
  return simpler;
}

function meanBaseline({ baselines }: Config, { rows }: ProbeSet): Simpler[] {
  if (!baselines.includes('mean')) return [];
  const valuesOf = () => ({ states: new Float32Array(rows.length), d: 1 });
  return [{ features: 'mean', valuesOf, by: () => ({ name: 'mean' }) }];
}
