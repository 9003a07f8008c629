import { UserError } from '@sonde/base';
import { requireInteger } from '@sonde/numerics';
import type { Fitted, OuterSplit } from '../../learner.ts';
import { type Progress, partsOf, UNTOLD } from '../../progress.ts';
import { type Problem, rowsIn } from '../../rows.ts';
import type { LinearMaps } from '../linear.ts';
import { descendingErrors, fitColumns, type InnerErrors, innerErrors, leastError, singular } from './inner-errors.ts';
import type { PenalisedSolver } from './solver.ts';

export interface PenaltyOptions {
  /** Penalties to choose from. A single one is used as it is. */
  readonly penalties: readonly number[];
  /** Divide states by their standard deviation over the training rows (true by default). */
  readonly scale?: boolean;
  /** Where a target's choice lies at the grid's edge, try up to three decades beyond it (true by default). */
  readonly extend?: boolean;
  /** Threads of a matrix product; 1 by default. Does not change results. */
  readonly threads?: number;
}

const EXTENSIONS = 3;

export interface PenalisedProbe extends Fitted {
  readonly maps: LinearMaps;
}

/** Inner errors of every split, for each penalty tried. */
interface Search {
  readonly penalties: readonly number[];
  /** [splits] */
  readonly inner: readonly InnerErrors[];
}

interface PenalisedFits {
  /** The penalties that `fit` fits columns at; null where there are too few rows. */
  choose(split: number, columns: readonly number[]): number[] | null;
  fit(split: number, columns: readonly number[]): Promise<PenalisedProbe | null>;
}

/** Probes of a solver, each with the penalty of least error on the inner splits. */
export async function openPenalised(
  problem: Problem,
  splits: readonly OuterSplit[],
  solver: PenalisedSolver,
  options: PenaltyOptions,
  progress: Progress,
): Promise<PenalisedFits> {
  const tuned = [...new Set(problem.tunedOn.flat())].sort((a, b) => a - b);
  const columns = tuned.filter((column) => column < problem.leading);
  /** Targets moved between rows that choose a penalty of their own. */
  const moved = tuned.filter((column) => column >= problem.leading);
  const placeOf = new Map([...columns.entries(), ...moved.entries()].map(([place, column]) => [column, place]));
  const given = options.penalties;
  const single = given.length === 1;
  // Columns share the factors of d dimensions.
  const { d } = problem.states;
  const work = [d + columns.length, moved.length === 0 ? 0 : d + moved.length];
  const [inTargets, inMoved] = partsOf(progress, work) as [Progress, Progress];

  const errorOf = (inner: InnerErrors, column: number) => (p: number) =>
    problem.tunedOn[column]!.reduce((sum, other) => sum + inner.errors[p]![placeOf.get(other)!]!, 0);
  const least = ({ penalties, inner }: Search, split: number, column: number): number => {
    const chosen = leastError(penalties.length, errorOf(inner[split]!, column));
    if (chosen === null) throw singular(penalties);
    return chosen;
  };
  const search = async (penalties: readonly number[], progress: Progress): Promise<Search> => ({
    penalties,
    inner: single ? [] : await innerErrors(solver, problem, splits, penalties, columns, progress),
  });
  const fitted = (split: number, found: Search) =>
    rowsIn(problem, splits[split]!.train) >= 2 && (single || found.inner[split]!.rows > 0);

  let found = await search(given, inTargets);
  for (let step = 0; step < EXTENSIONS && !single && (options.extend ?? true); step++) {
    const edges = new Set<number>();
    for (const split of splits.keys()) {
      if (!fitted(split, found)) continue;
      for (let column = 0; column < problem.leading; column++) edges.add(least(found, split, column));
    }
    const [low, high] = [Math.min(...found.penalties), Math.max(...found.penalties)];
    const beyond = [
      ...(low > 0 && edges.has(found.penalties.indexOf(low)) ? [low / 10] : []),
      ...(edges.has(found.penalties.indexOf(high)) ? [high * 10] : []),
    ];
    if (beyond.length === 0) break;
    found = joined(found, await search(beyond, UNTOLD));
  }

  const { penalties } = found;
  // Of what is never tested only the targets' own probes are kept.
  const tested = splits.map((split) => (split.test.length > 0 ? split : { ...split, inner: [] }));
  const ofMoved: Search = {
    penalties,
    inner:
      single || moved.length === 0 ? [] : await descendingErrors(solver, problem, tested, penalties, moved, inMoved),
  };
  const searchOf = (column: number): Search => (problem.tunedOn[column]![0]! < problem.leading ? found : ofMoved);
  const choose = (split: number, wanted: readonly number[]): number[] | null => {
    if (!fitted(split, found)) return null;
    return wanted.map((column) => penalties[single ? 0 : least(searchOf(column), split, column)]!);
  };
  return {
    choose,
    async fit(split, wanted) {
      const chosen = choose(split, wanted);
      if (chosen === null) return null;
      const maps = await fitColumns(await solver.trainingSet(splits[split]!.train), wanted, chosen);
      const atEdge = wanted.map(
        (column, t) => !single && stillFalls(found, chosen[t]!, errorOf(searchOf(column).inner[split]!, column)),
      );
      return { columns: wanted, penalties: chosen, atEdge, maps };
    },
  };
}

/** A fall of the inner errors by less than this share from one penalty to the next is none. */
const FLAT = 1e-3;

/** A grid this wide in which no error differs by as much has nothing to choose. */
const WIDE = 1e6;

/** Whether a penalty lies at the end of all that were tried, and a better one may lie beyond: errors still fell there. */
function stillFalls({ penalties }: Search, penalty: number, errorOf: (p: number) => number): boolean {
  const ascending = [...penalties.keys()].sort((a, b) => penalties[a]! - penalties[b]!);
  const place = ascending.findIndex((p) => penalties[p] === penalty);
  if (penalty === 0 || (place > 0 && place < ascending.length - 1)) return false;
  const least = errorOf(ascending[place]!);
  const falls = (from: number) => least < (1 - FLAT) * errorOf(from);
  if (falls(ascending[place === 0 ? 1 : place - 1]!)) return true;
  // Nothing changed anywhere: the grid may lie on a level far from where the errors fall.
  const [low, high] = [penalties[ascending[0]!]!, penalties[ascending.at(-1)!]!];
  return !ascending.some(falls) && high < WIDE * low;
}

function joined(a: Search, b: Search): Search {
  return {
    penalties: [...a.penalties, ...b.penalties],
    inner: a.inner.map(({ errors, rows }, split) => ({
      errors: [...errors, ...b.inner[split]!.errors],
      rows,
    })),
  };
}

/** @throws UserError where threads or penalties cannot be used, or cannot be chosen among so few folds */
export function checkPenalties({ penalties, threads = 1 }: PenaltyOptions, folds: number): void {
  requireInteger('threads', threads, 1);
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
}
