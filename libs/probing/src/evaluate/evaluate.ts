import { groupBy } from '@sonde/base';
import { standardDeviation } from '@sonde/numerics';
import type { Fitted, Learner, OpenLearner } from '../learner.ts';
import type { Progress } from '../progress.ts';
import { movedTargets, type Problem, type States } from '../rows.ts';
import type { ControlTask } from './control-task.ts';
import type { Groups } from './folds.ts';
import { NO_SCORES, type Scores, scorePairs } from './metrics.ts';
import { pairsOf, type Score } from './pairs.ts';
import { nullDistribution, permutedRows } from './permutations.ts';
import type { ProbeFold, ProbeMap, ProbeResult, ProbeTarget } from './result.ts';
import { RunningPearson } from './running-pearson.ts';
import { keptCells, splitsOfFolds, wholeSplit } from './splits.ts';

/** `target`: each target has its own setting; `shared`: one for all, by the mean of their inner errors. */
export type PenaltyChoice = 'target' | 'shared';

/** Targets that have scores for the same rows. */
export interface SharedTargets {
  readonly open: OpenLearner;
  readonly states: States;
  readonly shift: Float64Array;
  readonly targets: readonly ProbeTarget[];
  /** Rows with scores, ascending. */
  readonly rows: Int32Array;
  readonly groups: Groups;
  readonly folds: Int32Array;
  readonly foldCount: number;
  /** The folds that are scored. */
  readonly heldOut: readonly number[];
  readonly penaltyChoice: PenaltyChoice;
  readonly permutations: number;
  readonly controls: readonly ControlTask[];
  /** Whose inner errors choose a permutation's setting: its own, or those of the target that it permutes. */
  readonly permutationPenalty: 'own' | 'target';
  readonly seed: number;
  readonly progress: Progress;
}

/** Cross-validation, permutations, control tasks and refit of targets that share their rows. */
export async function evaluateTargets(shared: SharedTargets): Promise<ProbeResult[]> {
  const { targets, groups, rows, folds } = shared;
  const problem = problemOf(shared);
  const groupOf = groupNumbers(groups);
  const outer = splitsOfFolds(shared.foldCount, shared.heldOut);
  const kept = keptCells(shared.foldCount, shared.heldOut);
  const filled = problem.cells.flatMap((cell, index) => (cell.length > 0 && kept.includes(index) ? [index] : []));
  const splits = [...outer, wholeSplit(filled, outer)];
  let opened = 0;
  const learner = await shared.open(problem, splits, (share) => {
    opened = share;
    shared.progress(share);
  });
  const fitted = (fits: number) => shared.progress(opened + (1 - opened) * (fits / splits.length));
  const held: HeldOut[] = [];
  for (const split of outer.keys()) {
    held.push(await heldOut(shared, problem, learner, split, groupOf));
    fitted(split + 1);
  }
  const refit = await learner.fit(
    outer.length,
    targets.map((_, t) => t),
  );
  fitted(splits.length);
  return targets.map(({ scenario, name, values }, t): ProbeResult => {
    const ofFolds = held.map((fold) => foldOf(shared, problem, fold, t));
    const predictions = predictionsOf(shared, problem, held, t);
    const foldMean = meanScore(ofFolds.map(({ scores }) => scores.pearson));
    return {
      scenario,
      target: name,
      n: rows.length,
      missing: folds.length - rows.length,
      folds: ofFolds,
      foldMean,
      undefinedFolds: ofFolds.filter(({ scores }) => scores.pearson.value === null).length,
      pooled: predictions === null ? NO_SCORES : pooledScores(rows, groupOf, values, predictions),
      permuted: permutedOf(shared, held, t, foldMean.value),
      predictions,
      refit: refit?.maps ? rawMap(shared, problem, refit, t) : null,
    };
  });
}

/** Columns of the problem: the targets, then for each target its permutations and control tasks. */
function problemOf(shared: SharedTargets): Problem {
  const { states, shift, targets, rows, groups, folds, foldCount, permutations, controls } = shared;
  const n = folds.length;
  const leading = targets.length;
  const sources = [...permutedRows(groups, rows, permutations, shared.seed), ...controls.map((task) => task(rows))];
  const columns = leading * (1 + sources.length);
  const values = new Float64Array(n * leading);
  const targetShift = new Float64Array(columns);
  const all = targets.map((_, t) => t);
  const tunedOn: (readonly number[])[] = all.map((t) => (shared.penaltyChoice === 'shared' ? all : [t]));
  for (const [t, { values: scores }] of targets.entries()) {
    let mean = 0;
    const first = scores[rows[0] ?? 0]!;
    for (const row of rows) mean += (scores[row]! - first) / rows.length;
    const shiftOf = rows.length === 0 ? 0 : first + mean;
    targetShift[t] = shiftOf;
    for (const row of rows) values[row * leading + t] = scores[row]! - shiftOf;
    for (const s of sources.keys()) {
      const column = movedColumn(shared, t, s);
      targetShift[column] = shiftOf;
      tunedOn[column] = s < permutations && shared.permutationPenalty === 'target' ? tunedOn[t]! : [column];
    }
  }
  const cells = Array.from({ length: foldCount }, (_, fold) => rows.filter((row) => folds[row] === fold));
  const categories = categoriesOf(shared);
  return { states, shift, cells, targets: values, columns, sources, targetShift, leading, tunedOn, categories };
}

/** The columns of each categorical target, and of each time that it is moved between rows: all its classes move alike. */
function categoriesOf(shared: SharedTargets): number[][] {
  const labelled = [...shared.targets.entries()].filter(([, { label }]) => label !== undefined);
  const sets = groupBy(labelled, ([, { scenario, label }]) => JSON.stringify([scenario, label]));
  return [...sets.values()].flatMap((classes) => {
    const own = classes.map(([t]) => t);
    const moved = Array.from({ length: movesOf(shared) }, (_, s) => own.map((t) => movedColumn(shared, t, s)));
    return [own, ...moved];
  });
}

/** How often each target is moved between rows: by permutations, then by control tasks. */
function movesOf({ permutations, controls }: SharedTargets): number {
  return permutations + controls.length;
}

function movedColumn(shared: SharedTargets, target: number, move: number): number {
  return shared.targets.length + target * movesOf(shared) + move;
}

/** What a fold's probes say of the rows that they were not trained on. */
interface HeldOut {
  readonly fold: number;
  /** Held-out rows with a score. */
  readonly n: number;
  /** Null where there were too few rows to fit. */
  readonly fitted: {
    readonly probe: Fitted;
    /** All rows of the fold, and their predictions [rows, targets] in shifted units. */
    readonly rows: Int32Array;
    readonly predicted: Float64Array;
    /** [targets] */
    readonly scores: readonly Scores[];
    /** [columns] */
    readonly pearson: readonly Score[];
  } | null;
}

/** Rows predicted at a time: predictions of moved targets are not kept. */
const PREDICTED_ROWS = 4096;

async function heldOut(
  shared: SharedTargets,
  problem: Problem,
  learner: Learner,
  split: number,
  groupOf: Int32Array,
): Promise<HeldOut> {
  const fold = shared.heldOut[split]!;
  const held = problem.cells[fold]!;
  const { columns, leading } = problem;
  const all = Array.from({ length: columns }, (_, column) => column);
  const known = columns === leading ? [] : await learner.correlations?.(split, all.slice(leading));
  const width = known === undefined ? columns : leading;
  const probe = await learner.fit(split, all.slice(0, width));
  if (probe === null) return { fold, n: held.length, fitted: null };
  const rows = Int32Array.from(shared.folds.keys()).filter((row) => shared.folds[row] === fold);
  const predicted = new Float64Array(rows.length * leading);
  const truth = new Float64Array(held.length * leading);
  const guesses = new Float64Array(held.length * leading);
  const moved = new RunningPearson(columns - leading);
  const ofMoved = new Float64Array(columns - leading);
  let place = 0;
  for (let start = 0; start < rows.length; start += PREDICTED_ROWS) {
    const some = rows.subarray(start, start + PREDICTED_ROWS);
    const ofSome = await learner.predict(probe, some, width);
    for (const [r, row] of some.entries()) {
      const own = ofSome.subarray(r * width, r * width + leading);
      predicted.set(own, (start + r) * leading);
      // Both lists of rows ascend, and `held` is part of `rows`.
      if (held[place] !== row) continue;
      guesses.set(own, place * leading);
      truth.set(problem.targets.subarray(row * leading, (row + 1) * leading), place * leading);
      place++;
      if (known !== undefined) continue;
      movedTargets(problem, row, ofMoved);
      moved.add(ofMoved, ofSome, r * width + leading);
    }
  }
  const scores = scorePairs(
    pairsOf(
      truth,
      guesses,
      leading,
      held.map((row) => groupOf[row]!),
    ),
  );
  const pearson = [...scores.map((score) => score.pearson), ...(known ?? moved.scores())];
  return { fold, n: held.length, fitted: { probe, rows, predicted, scores, pearson } };
}

/** [n]: the number of each row's group. */
function groupNumbers(groups: Groups): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(groups, (group) => {
    const number = numbers.get(group) ?? numbers.size;
    numbers.set(group, number);
    return number;
  });
}

function foldOf(shared: SharedTargets, { cells }: Problem, { fold, n, fitted }: HeldOut, t: number): ProbeFold {
  const targetSd = standardDeviation(taken(shared.targets[t]!.values, cells[fold]!));
  if (fitted === null) {
    return { fold, n, targetSd, scores: NO_SCORES, penalty: null, atEdge: false, permuted: null, control: null };
  }
  return {
    fold,
    n,
    targetSd,
    scores: fitted.scores[t]!,
    penalty: fitted.probe.penalties?.[t] ?? null,
    atEdge: fitted.probe.atEdge[t]!,
    permuted: meanScore(permutationScores(shared, fitted.pearson, t)).value,
    control: meanScore(controlScores(shared, fitted.pearson, t)).value,
  };
}

function permutationScores(shared: SharedTargets, scores: readonly Score[], t: number): readonly Score[] {
  const first = movedColumn(shared, t, 0);
  return scores.slice(first, first + shared.permutations);
}

function controlScores(shared: SharedTargets, scores: readonly Score[], t: number): readonly Score[] {
  return scores.slice(movedColumn(shared, t, shared.permutations), movedColumn(shared, t + 1, 0));
}

/** Mean of the scores that are defined; where none is, the first one's reason. */
function meanScore(scores: readonly Score[]): Score {
  let sum = 0;
  let defined = 0;
  for (const { value } of scores) {
    if (value === null) continue;
    sum += value;
    defined++;
  }
  return defined === 0 ? { value: null, reason: scores[0]?.reason ?? 'too_few_rows' } : { value: sum / defined };
}

function permutedOf(shared: SharedTargets, held: readonly HeldOut[], t: number, own: number | null) {
  if (shared.permutations === 0) return null;
  const byFold = held.flatMap(({ fitted }) => (fitted === null ? [] : [permutationScores(shared, fitted.pearson, t)]));
  const means = Array.from({ length: shared.permutations }, (_, p) => meanScore(byFold.map((fold) => fold[p]!)).value);
  return nullDistribution(means, own);
}

function predictionsOf(shared: SharedTargets, problem: Problem, held: readonly HeldOut[], t: number) {
  const predictions = new Float64Array(shared.folds.length).fill(Number.NaN);
  for (const { fitted } of held) {
    if (fitted === null) return null;
    for (const [r, row] of fitted.rows.entries()) {
      predictions[row] = fitted.predicted[r * problem.leading + t]! + problem.targetShift[t]!;
    }
  }
  return predictions;
}

function pooledScores(known: Int32Array, groupOf: Int32Array, values: Float64Array, predictions: Float64Array): Scores {
  const rows = known.filter((row) => !Number.isNaN(predictions[row]!));
  const groups = rows.map((row) => groupOf[row]!);
  return scorePairs(pairsOf(taken(values, rows), taken(predictions, rows), 1, groups))[0]!;
}

function taken(values: Float64Array, rows: Int32Array): Float64Array {
  const out = new Float64Array(rows.length);
  for (let r = 0; r < rows.length; r++) out[r] = values[rows[r]!]!;
  return out;
}

/** A refitted map in raw units. */
function rawMap(shared: SharedTargets, problem: Problem, refit: Fitted, t: number): ProbeMap {
  const { shift, targets } = shared;
  const maps = refit.maps!;
  const weights = Float64Array.from(shift, (_, j) => maps.weights[j * targets.length + t]!);
  let atShift = 0;
  for (const [j, weight] of weights.entries()) atShift += weight * shift[j]!;
  const start = refit.logOdds ? 0 : problem.targetShift[t]!;
  const intercept = start + maps.intercepts[t]! - atShift;
  return { penalty: refit.penalties?.[t] ?? null, weights, intercept, logOdds: refit.logOdds ?? false };
}
