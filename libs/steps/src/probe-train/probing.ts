import type { RunContext } from '@sonde/executor';
import type { Baseline } from '@sonde/formats/columns';
import {
  type ClassScores,
  type ControlTask,
  codingOrder,
  controlTasks,
  descriptionLength,
  type Features,
  type GroupResamples,
  halvingBoundaries,
  type LearnerChoice,
  type LearnerName,
  meanDifferences,
  oneAgainstRest,
  openLearner,
  type ProbeIntervals,
  type ProbeResult,
  type Progress,
  probeIntervals,
  trainProbes,
} from '@sonde/probing';
import { type Config, controlDrawsOf, permutationsOf } from './config.ts';
import type { ProbeSet } from './data.ts';
import type { StepTarget } from './targets.ts';

/** What was probed: the model's states, or something simpler that a probe score is read against. */
export type FeatureKind = 'states' | Baseline;

/** A probe of one target in one layer, with what it is read against. */
export interface Probed {
  readonly features: FeatureKind;
  /** Null for features that know no layers. */
  readonly layer: number | null;
  /** Of a training that draws at random; null of one that does not. */
  readonly seed: number | null;
  readonly learner: LearnerName;
  readonly target: StepTarget;
  readonly result: ProbeResult;
  /** Of a target of classes: for each fold, how well all classes of its label are told; null where they are not. */
  readonly classes: readonly (ClassScores | null)[] | null;
  /** The unit vector from the mean state of low values to that of high ones; null for baselines, or where there is none. */
  readonly meanDifference: Float64Array | null;
  readonly intervals: ProbeIntervals | null;
  readonly compression: number | null;
}

/** A set of states in its folds, ready to be probed. */
export interface FoldedSet {
  readonly set: ProbeSet;
  readonly folds: Int32Array;
  /** The folds that are scored, where not all are. */
  readonly heldOut: readonly number[] | undefined;
  readonly resamples: GroupResamples;
  /** Draws of the control task; none where the texts are not known or it was not asked for. */
  readonly controls: readonly ControlTask[];
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
  const { penalties, scale, hidden, seed } = config;
  const { threads } = device;
  if (config.learner === 'mlp') return [{ seed: null, learner: { name: 'mlp', hidden, seed, threads } }];
  return [{ seed: null, learner: { name: config.learner, penalties, scale, threads } }];
}

export function controlsOf(config: Config, { texts }: ProbeSet): ControlTask[] {
  const draws = controlDrawsOf(config);
  if (draws === 0 || texts === undefined) return [];
  const tasks = controlTasks(texts);
  return Array.from({ length: draws }, (_, draw) => tasks(config.seed * draws + draw));
}

/** Probes one matrix of features with one learner: for states with permutations, control task and description length. */
export async function probeFeatures(
  config: Config,
  { set, folds, heldOut, resamples, controls }: FoldedSet,
  {
    features,
    layer,
    values,
  }: { readonly features: FeatureKind; readonly layer: number | null; readonly values: Features },
  { seed, learner }: { readonly seed: number | null; readonly learner: LearnerChoice },
  progress: Progress,
): Promise<Probed[]> {
  const { groups, targets } = set;
  const ofStates = features === 'states';
  const results = await trainProbes({
    ...values,
    targets,
    groups,
    folds,
    seed: config.seed,
    learner,
    nameOf: nameOf(set, layer),
    progress,
    ...(ofStates && { permutations: permutationsOf(config), controls }),
    ...(heldOut && { heldOut }),
  });
  const probed: Probed[] = [];
  const classes = classesOf(targets, results, folds);
  const intervals = await intervalsOf(config, targets, results, { groups, folds, resamples }, learner);
  const differences = ofStates ? await differencesOf(values, targets, folds, heldOut, learner) : [];
  for (const [t, result] of results.entries()) {
    const target = targets[t]!;
    probed.push({
      features,
      layer,
      seed,
      learner: learner.name,
      target,
      result,
      classes: classes[t]!,
      meanDifference: differences[t] ?? null,
      intervals: intervals[t]!,
      compression:
        ofStates && config.description_length ? await compressionOf(values, targets[t]!, set, config, learner) : null,
    });
  }
  return probed;
}

/** Of each target; null where it has no predictions. */
async function intervalsOf(
  { bootstrap: { level } }: Config,
  targets: readonly StepTarget[],
  results: readonly ProbeResult[],
  { groups, folds, resamples }: Pick<FoldedSet, 'folds' | 'resamples'> & Pick<ProbeSet, 'groups'>,
  learner: LearnerChoice,
): Promise<(ProbeIntervals | null)[]> {
  const predicted = [...results.keys()].filter((t) => results[t]!.predictions !== null);
  const held = predicted.map((t) => {
    const { predictions } = results[t]!;
    return { target: heldTarget(targets[t]!, predictions!), predicted: predictions!, groups, folds };
  });
  const found = await probeIntervals(held, resamples, { level, threads: threadsOf(learner) });
  return results.map((_, t) => found[predicted.indexOf(t)] ?? null);
}

function threadsOf(learner: LearnerChoice): number {
  return ('threads' in learner ? learner.threads : undefined) ?? 1;
}

/** A target's values where there is a prediction to hold them against. */
function heldTarget({ values }: StepTarget, predicted: Float64Array): Float64Array {
  return values.map((value, row) => (Number.isNaN(predicted[row]!) ? Number.NaN : value));
}

/** With the user's own split, of the training rows alone. */
function differencesOf(
  { states, d }: Features,
  targets: readonly StepTarget[],
  folds: Int32Array,
  heldOut: readonly number[] | undefined,
  learner: LearnerChoice,
): Promise<(Float64Array | null)[]> {
  const sides = targets.map(({ values, threshold }) => ({
    values: values.map((value, row) => (heldOut?.includes(folds[row]!) ? Number.NaN : value)),
    threshold,
  }));
  return meanDifferences({ values: states, d }, sides, threadsOf(learner));
}

/** For each target: for each fold that was held out, how well the classes of its label are told; null for numbers. */
function classesOf(
  targets: readonly StepTarget[],
  results: readonly ProbeResult[],
  folds: Int32Array,
): (readonly (ClassScores | null)[] | null)[] {
  return targets.map(({ ofClass, scenario }, t) => {
    if (ofClass === undefined) return null;
    const own = [...targets.keys()].filter(
      (other) => targets[other]!.scenario === scenario && targets[other]!.ofClass?.label === ofClass.label,
    );
    const predicted = own.map((other) => results[other]!.predictions);
    return results[t]!.folds.map(({ fold, scores }) => {
      const { macro_f1, balanced_accuracy } = scores;
      if (own.length === 1) {
        if (macro_f1.value === null || balanced_accuracy.value === null) return null;
        return { macroF1: macro_f1.value, balancedAccuracy: balanced_accuracy.value };
      }
      if (predicted.includes(null)) return null;
      const rows = [...folds.keys()].filter((row) => folds[row] === fold && !Number.isNaN(targets[t]!.values[row]!));
      return oneAgainstRest(
        own.map((other) => targets[other]!.values),
        predicted as Float64Array[],
        rows,
      );
    });
  });
}

function nameOf({ rows }: ProbeSet, layer: number | null): (row: number) => string {
  return (row) => {
    const { promptId, sample } = rows[row]!;
    return `the state of prompt ${promptId}${sample === null ? '' : `, sample ${sample}`}${layer === null ? '' : `, in layer ${layer},`}`;
  };
}

/** Rows are coded a prompt's together; a target without a row for every fold has no code. */
async function compressionOf(
  { states, d }: Features,
  { name, values }: StepTarget,
  { groups }: ProbeSet,
  config: Config,
  learner: LearnerChoice,
): Promise<number | null> {
  const rows = codingOrder(groups, config.seed).filter((row) => !Number.isNaN(values[row]!));
  if (rows.length < config.folds) return null;
  const target = Float64Array.from(rows, (row) => values[row]!);
  const { compression } = await descriptionLength({
    states: { values: inOrder(states, d, rows), d },
    target,
    boundaries: halvingBoundaries(rows.length),
    loss: 'squared_error',
    middle: name === 'length' ? middleOf(target) : 0.5,
    open: openLearner(learner, config.folds),
  });
  return compression;
}

function inOrder(states: Features['states'], d: number, rows: Int32Array): Features['states'] {
  if (!(states instanceof Float32Array)) {
    return { rows: rows.length, read: (of) => states.read(Int32Array.from(of, (place) => rows[place]!)) };
  }
  const gathered = new Float32Array(rows.length * d);
  for (const [place, row] of rows.entries()) gathered.set(states.subarray(row * d, (row + 1) * d), place * d);
  return gathered;
}

function middleOf(values: Float64Array): number {
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  return (low + high) / 2;
}
