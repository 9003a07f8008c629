import { UserError } from '@sonde/base';
import { openGemm } from '../../algebra/gemm.ts';
import type { Fitted, Learner, OuterSplit } from '../../learner.ts';
import { type Progress, partsOf } from '../../progress.ts';
import { type Problem, targetOf } from '../../rows.ts';
import { type LinearMaps, mapsAt, placesBetween, predictLinear } from '../linear.ts';
import { openPenalised, type PenaltyOptions } from '../penalised/learner.ts';
import { sigmoid, softmax } from './log-loss.ts';
import { type Classes, logisticSolver, targetsAmong } from './solver.ts';

interface LogisticProbe extends Fitted {
  /** From a state to the log-odds of the higher value. */
  readonly maps: LinearMaps;
}

/**
 * Logistic regression with an L2 penalty, by log loss: for targets of two values, of which it predicts the value expected
 * (for 0 and 1 the probability of 1), and for categorical ones, whose classes are fitted together by softmax.
 */
export async function openLogistic(
  problem: Problem,
  splits: readonly OuterSplit[],
  options: PenaltyOptions,
  progress: Progress,
): Promise<Learner<LogisticProbe>> {
  const gemm = await openGemm(options.threads ?? 1);
  const categorical = new Set(problem.categories?.flat());
  const classes = Array.from({ length: problem.columns }, (_, column): Classes => {
    const shift = problem.targetShift[column]!;
    return categorical.has(column) ? { low: 0 - shift, high: 1 - shift } : classesOf(problem, column);
  });
  checkCategories(problem, classes);
  const solver = logisticSolver(gemm, problem, classes, options.scale ?? true);
  // What is searched with each penalty is fitted with one of them.
  const [inSearch] = partsOf(progress, [options.penalties.length, 1]) as [Progress];
  const { fit } = await openPenalised(problem, splits, solver, options, inSearch);
  return {
    async fit(split, columns) {
      const probe = await fit(split, columns);
      return probe === null ? null : { ...probe, logOdds: true };
    },
    async predict({ columns, maps }, rows, count) {
      const logits = await predictLinear(gemm, problem, mapsAt(maps, placesBetween(0, count)), rows);
      const targets = targetsAmong(problem, columns.slice(0, count));
      const predicted = new Float64Array(logits.length);
      for (let start = 0; start < logits.length; start += count) {
        for (const places of targets) {
          const own = Float64Array.from(places, (t) => logits[start + t]!);
          if (own.length === 1) own[0] = sigmoid(own[0]!);
          else softmax(own);
          for (const [k, t] of places.entries()) {
            const { low, high } = classes[columns[t]!]!;
            predicted[start + t] = low + (high - low) * own[k]!;
          }
        }
      }
      return predicted;
    },
  };
}

function classesOf(problem: Problem, column: number): Classes {
  const found = new Set<number>();
  for (const cell of problem.cells) {
    for (const row of cell) {
      found.add(targetOf(problem, row, column));
      if (found.size > 2) {
        throw new UserError(
          'argument',
          'A target of a logistic probe has more than two values; give one target of 0 and 1 for each category, or choose another learner.',
        );
      }
    }
  }
  const [low = 0, high = low] = [...found].sort((a, b) => a - b);
  return { low, high };
}

/** @throws UserError where a row has not one class of a categorical target */
function checkCategories(problem: Problem, classes: readonly Classes[]): void {
  for (const set of problem.categories ?? []) {
    for (const row of problem.cells.flatMap((cell) => [...cell])) {
      const own = set.filter((column) => targetOf(problem, row, column) === classes[column]!.high);
      if (own.length !== 1) {
        throw new UserError(
          'argument',
          `Row ${row} has ${own.length} of the ${set.length} classes of a target; give each row one, or each class a label of its own.`,
        );
      }
    }
  }
}
