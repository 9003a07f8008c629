import type { RunContext } from '@sonde/executor';
import type { Baseline } from '@sonde/formats/columns';
import {
  codingOrder,
  controlTask,
  descriptionLength,
  type Features,
  type GroupResamples,
  halvingBoundaries,
  type LearnerChoice,
  openLearner,
  type ProbeIntervals,
  type ProbeResult,
  type ProbeTarget,
  probeIntervals,
  trainProbes,
} from '@sonde/probing';
import type { Config } from './config.ts';
import type { ProbeSet } from './data.ts';

/** What was probed: the model's states, or something simpler that a probe score is read against. */
export type FeatureKind = 'states' | Baseline;

/** A probe of one target in one layer, with what it is read against. */
export interface Probed {
  readonly features: FeatureKind;
  /** Null for features that know no layers. */
  readonly layer: number | null;
  /** Of a training that draws at random; null of one that does not. */
  readonly seed: number | null;
  readonly result: ProbeResult;
  readonly intervals: ProbeIntervals | null;
  /** The same learner on the target's control task; null for baselines, or where there is none. */
  readonly control: ProbeResult | null;
  readonly compression: number | null;
}

/** A set of states in its folds, ready to be probed. */
export interface FoldedSet {
  readonly set: ProbeSet;
  readonly folds: Int32Array;
  readonly resamples: GroupResamples;
  /** The control task of each target; none where the texts are not known or it was not asked for. */
  readonly controls: readonly ProbeTarget[];
}

/** The seeds of the published procedure. */
export const PAPER_SEEDS = [0, 1, 2, 3, 4] as const;

/** How probes are trained: once in closed form, or once for each seed. */
export function learnersOf(
  config: Config,
  device: RunContext['device'],
): { seed: number | null; learner: LearnerChoice }[] {
  if (config.mode === 'paper')
    return PAPER_SEEDS.map((seed) => ({ seed, learner: { name: 'sgd', seed } satisfies LearnerChoice }));
  const { penalties, scale } = config;
  return [{ seed: null, learner: { name: 'ridge', penalties, scale, threads: device.threads } }];
}

export function controlTasks({ control, seed }: Config, { texts, targets }: ProbeSet): ProbeTarget[] {
  if (!control.task || texts === undefined) return [];
  return targets.map(({ scenario, name, values }) => ({ scenario, name, values: controlTask(texts, values, seed) }));
}

/** Probes one matrix of features with one learner: for states with permutations, control task and description length. */
export async function probeFeatures(
  config: Config,
  { set, folds, resamples, controls }: FoldedSet,
  {
    features,
    layer,
    values,
  }: { readonly features: FeatureKind; readonly layer: number | null; readonly values: Features },
  { seed, learner }: { readonly seed: number | null; readonly learner: LearnerChoice },
): Promise<Probed[]> {
  const { groups, targets } = set;
  const common = { ...values, groups, folds, seed: config.seed, learner };
  const ofStates = features === 'states';
  const permutations = ofStates && config.mode === 'default' ? config.control.permutations : 0;
  const results = await trainProbes({ ...common, targets, permutations });
  const ofControls = ofStates && controls.length > 0 ? await trainProbes({ ...common, targets: controls }) : [];
  const probed: Probed[] = [];
  for (const [t, result] of results.entries()) {
    const target = targets[t]!.values;
    const { predictions: predicted } = result;
    const { level } = config.interval;
    probed.push({
      features,
      layer,
      seed,
      result,
      intervals: predicted && probeIntervals({ target, predicted, groups, folds }, resamples, level),
      control: ofControls[t] ?? null,
      compression:
        ofStates && config.description_length ? await compressionOf(values, targets[t]!, set, config, learner) : null,
    });
  }
  return probed;
}

/** Rows are coded a prompt's together; a target without a row for every fold has no code. */
async function compressionOf(
  { states, d }: Features,
  { name, values }: ProbeTarget,
  { groups }: ProbeSet,
  config: Config,
  learner: LearnerChoice,
): Promise<number | null> {
  const rows = codingOrder(groups, config.seed).filter((row) => !Number.isNaN(values[row]!));
  if (rows.length < config.folds) return null;
  const gathered = new Float32Array(rows.length * d);
  for (const [place, row] of rows.entries()) gathered.set(states.subarray(row * d, (row + 1) * d), place * d);
  const target = Float64Array.from(rows, (row) => values[row]!);
  const { compression } = await descriptionLength({
    states: { values: gathered, d },
    target,
    boundaries: halvingBoundaries(rows.length),
    loss: 'squared_error',
    middle: name === 'length' ? middleOf(target) : 0.5,
    open: openLearner(learner, config.folds),
  });
  return compression;
}

function middleOf(values: Float64Array): number {
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  return (low + high) / 2;
}
