import { UserError } from '@sonde/base';
import { requireInteger } from '@sonde/numerics';
import type { ControlTask } from './evaluate/control-task.ts';
import { evaluateTargets, type PenaltyChoice } from './evaluate/evaluate.ts';
import { checkFolds, type Groups } from './evaluate/folds.ts';
import type { ProbeResult, ProbeTarget } from './evaluate/result.ts';
import { type LearnerChoice, openLearner } from './learners/index.ts';
import { type Progress, partsOf, UNTOLD } from './progress.ts';
import { rowCount, type StateReader, stateShift } from './rows.ts';

export interface ProbeOptions {
  /** Hidden states of one layer [n, d], row-major, or what reads them. */
  readonly states: Float32Array | StateReader;
  readonly d: number;
  readonly targets: readonly ProbeTarget[];
  /** What a row is called in an error: `state <row>` by default. */
  readonly nameOf?: (row: number) => string;
  /** [n]: the group (prompt) of each row. */
  readonly groups: Groups;
  /** [n]: the outer fold of each row; see `groupedFolds`. The inner folds of a fold are the other folds. */
  readonly folds: Int32Array;
  /** The folds that are scored; all by default. The others are trained on alone, and the kept probe is fitted on them. */
  readonly heldOut?: readonly number[];
  /** Seeds the permutations. */
  readonly seed: number;
  readonly learner: LearnerChoice;
  /** `target` (the default): each target has its own penalty; `shared`: one for all with scores for the same rows. */
  readonly penaltyChoice?: PenaltyChoice;
  /** How often labels are permuted over groups; 0 (the default) gives no null distribution. */
  readonly permutations?: number;
  /** Draws of a control task, to score beside each target: see `controlTasks`. None by default. */
  readonly controls?: readonly ControlTask[];
  /** Whose inner errors choose a permutation's penalty: its `own` (the default) or those of the `target` it permutes. */
  readonly permutationPenalty?: 'own' | 'target';
  /** Told of the share of the work that is done, about. */
  readonly progress?: Progress;
}

/**
 * Trains probes for many targets on the same states, by nested cross-validation over grouped folds: for each fold the
 * learner's setting is chosen on the other folds, then the probe fitted on them is scored on the fold. The same input
 * gives the same bytes.
 *
 * Rows without a score are left out per target; targets that lack the same rows share every fit.
 *
 * @returns one result a target, in the order given
 * @throws UserError where shapes disagree, a state or target is infinite, or every penalty is singular
 */
export async function trainProbes(options: ProbeOptions): Promise<ProbeResult[]> {
  const states = { values: options.states, d: options.d };
  const n = rowCount(states);
  const foldCount = checkFolds(options.folds, options.groups, n);
  const permutations = options.permutations ?? 0;
  requireInteger('permutations', permutations, 0);
  requireInteger('seed', options.seed, 0);
  const heldOut = options.heldOut ?? Array.from({ length: foldCount }, (_, fold) => fold);
  checkHeldOut(heldOut, foldCount);
  const open = openLearner(options.learner, foldCount);
  const shift = stateShift(states, options.nameOf);
  const results: ProbeResult[] = [];
  const patterns = bySharedRows(options.targets, n);
  const progress = partsOf(
    options.progress ?? UNTOLD,
    patterns.map(({ rows }) => rows.length),
  );
  for (const [p, { members, rows }] of patterns.entries()) {
    const probed = await evaluateTargets({
      open,
      states,
      shift,
      targets: members.map((index) => options.targets[index]!),
      rows,
      groups: options.groups,
      folds: options.folds,
      foldCount,
      heldOut,
      penaltyChoice: options.penaltyChoice ?? 'target',
      permutations,
      controls: options.controls ?? [],
      permutationPenalty: options.permutationPenalty ?? 'own',
      seed: options.seed,
      progress: progress[p]!,
    });
    for (const [i, index] of members.entries()) results[index] = probed[i]!;
  }
  return results;
}

function checkHeldOut(heldOut: readonly number[], folds: number): void {
  for (const fold of heldOut) {
    if (!(Number.isInteger(fold) && fold >= 0 && fold < folds)) {
      throw new UserError('argument', `Fold ${fold} cannot be held out: the folds are 0 to ${folds - 1}.`);
    }
  }
  if (heldOut.length === 0) throw new UserError('argument', 'No fold is held out; name at least one.');
}

/** Targets with scores for the same rows, with these rows. */
function bySharedRows(targets: readonly ProbeTarget[], n: number): { members: number[]; rows: Int32Array }[] {
  const patterns = new Map<string, { members: number[]; rows: Int32Array }>();
  for (const [index, { name, values }] of targets.entries()) {
    if (values.length !== n) {
      throw new UserError('argument', `Target ${name} has ${values.length} values for ${n} states; give one a row.`);
    }
    const missing: number[] = [];
    for (const [row, value] of values.entries()) {
      if (Number.isNaN(value)) missing.push(row);
      else if (!Number.isFinite(value)) {
        throw new UserError(
          'argument',
          `Target ${name} is ${value} in row ${row}; give a number, or NaN where it is missing.`,
        );
      }
    }
    const key = missing.join();
    const pattern = patterns.get(key);
    if (pattern !== undefined) {
      pattern.members.push(index);
      continue;
    }
    const present = Int32Array.from({ length: n }, (_, row) => row).filter((row) => !Number.isNaN(values[row]!));
    patterns.set(key, { members: [index], rows: present });
  }
  return [...patterns.values()];
}
