import type { RunContext } from '@sonde/executor';
import { PREDICTIONS, PROBE_SCORES, writeProbeWeights, writeRowParts, writeRows } from '@sonde/formats';
import { bagOfWords, type Features, groupedFolds, randomDirection, textLength } from '@sonde/probing';
import { resampler } from '@sonde/statistics';
import type { Config } from './config.ts';
import { type ProbeSet, readProbeData } from './data.ts';
import { controlTasks, type FeatureKind, type FoldedSet, learnersOf, type Probed, probeFeatures } from './probing.ts';
import { type PredictionRow, predictionRows, type ScoreRow, scoreRows } from './rows.ts';
import { warningsOf } from './warnings.ts';
import { fittedMaps } from './weights.ts';

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
  const { baselines, mode, seed, site } = config;
  const depth = Math.max(1, ...states.layers);
  const learners = learnersOf(config, device);
  const total = sets.length * (states.layers.length + 1) * learners.length;
  const ofStates: Probed[] = [];
  const scores: ScoreRow[] = [];
  let done = 0;
  progress(done, total, 'layers');

  for (const set of sets) {
    const folded = foldedSet(config, set);
    const probe = async (
      features: FeatureKind,
      layer: number | null,
      values: Features,
      learner: (typeof learners)[0],
    ) => {
      signal.throwIfAborted();
      const probed = await probeFeatures(config, folded, { features, layer, values }, learner);
      scores.push(...probed.flatMap((item) => scoreRows(item, depth, mode)));
      return probed;
    };
    if (set.texts === undefined && (config.control.task || baselines.some((name) => name !== 'random_direction'))) {
      log('warning', `no text baselines and control task for the ${set.span} states: \`continuations\` is missing`);
    }
    const ofTexts = textBaselines(config, set.texts);
    for (const learner of learners) {
      for (const { features, values } of ofTexts) await probe(features, null, values, learner);
      progress(++done, total, 'layers');
    }
    for (const [index, layer] of states.layers.entries()) {
      const values = { states: await states.layerStates(set.rows, index), d: states.hiddenSize };
      const direction = baselines.includes('random_direction') && randomDirection(values.states, values.d, seed);
      for (const learner of learners) {
        const probed = await probe('states', layer, values, learner);
        for (const item of probed) {
          if (config.predictions) await predict(predictionRows(item, folded));
          // Predictions are as long as the states: kept only until they are written.
          ofStates.push({ ...item, result: { ...item.result, predictions: null } });
        }
        if (direction) await probe('random_direction', layer, direction, learner);
        progress(++done, total, 'layers');
      }
    }
  }

  for (const warning of warningsOf(ofStates)) log('warning', warning);
  await writeRows(output('scores'), PROBE_SCORES, scores);
  const { layers, hiddenSize } = states;
  await writeProbeWeights(output('weights'), fittedMaps(ofStates), { layers, hiddenSize, site });
}

function foldedSet(config: Config, set: ProbeSet): FoldedSet {
  const { folds, seed, interval } = config;
  return {
    set,
    folds: groupedFolds(set.groups, folds, seed),
    resamples: resampler(seed, 'probe', interval.resamples),
    controls: controlTasks(config, set),
  };
}

function textBaselines(
  { baselines, words }: Config,
  texts: readonly string[] | undefined,
): { features: FeatureKind; values: Features }[] {
  if (texts === undefined) return [];
  return [
    ...(baselines.includes('bag_of_words')
      ? [{ features: 'bag_of_words' as const, values: bagOfWords(texts, words) }]
      : []),
    ...(baselines.includes('text_length') ? [{ features: 'text_length' as const, values: textLength(texts) }] : []),
  ];
}
