import { UserError } from '@sonde/base';
import { requireInteger } from '@sonde/numerics';
import { checkFolds, type Groups } from './folds.ts';
import { openGemm } from './gemm.ts';
import type { PenaltyChoice } from './nested.ts';
import type { ProbeResult, ProbeTarget } from './probe-result.ts';
import { probeTargets } from './probe-targets.ts';
import { rowCount, stateShift } from './rows.ts';

export interface ProbeOptions {
  /** Hidden states of one layer [n, d], row-major. */
  readonly states: Float32Array;
  readonly d: number;
  readonly targets: readonly ProbeTarget[];
  /** [n]: the group (prompt) of each row. */
  readonly groups: Groups;
  /** [n]: the outer fold of each row; see `groupedFolds`. The inner folds of a fold are the other folds. */
  readonly folds: Int32Array;
  /** Seeds the control permutations. */
  readonly seed: number;
  /** Penalties to choose from. A single one is used as it is. */
  readonly penalties: readonly number[];
  /** `target` (the default): each target has its own; `shared`: one for all targets with scores for the same rows. */
  readonly penaltyChoice?: PenaltyChoice;
  /** Divide states by their standard deviation over the training rows (true by default). */
  readonly scale?: boolean;
  /** Label permutations of the control task; 0 (the default) gives no selectivity. */
  readonly controlPermutations?: number;
  /** Threads of a matrix product; 1 by default. Does not change results. */
  readonly threads?: number;
}

/**
 * Trains ridge probes for many targets on the same states, by nested cross-validation over grouped folds: for each
 * fold the penalty is chosen on the other folds, then the probe fitted on them is scored on the fold. Float64
 * throughout. The same input gives the same bytes.
 *
 * Rows without a score are left out per target; targets that lack the same rows share every factorisation.
 *
 * @returns one result a target, in the order given
 * @throws UserError where shapes disagree, a state or target is infinite, or every penalty is singular
 */
export async function trainProbes(options: ProbeOptions): Promise<ProbeResult[]> {
  const states = { values: options.states, d: options.d };
  const n = rowCount(states);
  const foldCount = checkFolds(options.folds, options.groups, n);
  const penalties = checkPenalties(options.penalties, foldCount);
  const permutations = options.controlPermutations ?? 0;
  requireInteger('controlPermutations', permutations, 0);
  requireInteger('seed', options.seed, 0);
  requireInteger('threads', options.threads ?? 1, 1);
  const shift = stateShift(states);
  const gemm = await openGemm(options.threads ?? 1);
  const results: ProbeResult[] = [];
  for (const { members, rows } of bySharedRows(options.targets, n)) {
    const probed = await probeTargets({
      gemm,
      states,
      shift,
      targets: members.map((index) => options.targets[index]!),
      rows,
      groups: options.groups,
      folds: options.folds,
      foldCount,
      penalties,
      penaltyChoice: options.penaltyChoice ?? 'target',
      scale: options.scale ?? true,
      permutations,
      seed: options.seed,
    });
    for (const [i, index] of members.entries()) results[index] = probed[i]!;
  }
  return results;
}

function checkPenalties(penalties: readonly number[], folds: number): readonly number[] {
  if (penalties.length === 0)
    throw new UserError('argument', 'There are no penalties to choose from; give at least one.');
  for (const penalty of penalties) {
    if (!(penalty >= 0 && penalty < Number.POSITIVE_INFINITY)) {
      throw new UserError('argument', `A penalty is ${penalty}; give finite numbers of at least 0.`);
    }
  }
  if (folds < 3 && penalties.length > 1) {
    throw new UserError(
      'argument',
      `Choosing among ${penalties.length} penalties needs at least 3 folds, not ${folds}.`,
    );
  }
  return penalties;
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
