import { UserError } from '@sonde/base';
import { openGemm } from '../../algebra/gemm.ts';
import type { Fitted, Learner, OuterSplit } from '../../learner.ts';
import { type Problem, targetOf } from '../../rows.ts';
import { type LinearMaps, mapsAt, placesBetween, predictLinear } from '../linear.ts';
import { openPenalised, type PenaltyOptions } from '../penalised/learner.ts';
import { sigmoid } from './log-loss.ts';
import { type Classes, logisticSolver } from './solver.ts';

interface LogisticProbe extends Fitted {
  /** From a state to the log-odds of the higher value. */
  readonly maps: LinearMaps;
}

/**
 * Logistic regression with an L2 penalty, for targets of two values, by log loss. It predicts the value expected:
 * for targets 0 and 1 the probability of 1. A target of more categories is probed as one target a category.
 */
export async function openLogistic(
  problem: Problem,
  splits: readonly OuterSplit[],
  options: PenaltyOptions,
): Promise<Learner<LogisticProbe>> {
  const gemm = await openGemm(options.threads ?? 1);
  const classes = Array.from({ length: problem.columns }, (_, column) => classesOf(problem, column));
  const solver = logisticSolver(gemm, problem, classes, options.scale ?? true);
  const { fit } = await openPenalised(problem, splits, solver, options);
  return {
    async fit(split, columns) {
      const probe = await fit(split, columns);
      return probe === null ? null : { ...probe, logOdds: true };
    },
    async predict({ columns, maps }, rows, count) {
      const predicted = await predictLinear(gemm, problem, mapsAt(maps, placesBetween(0, count)), rows);
      return predicted.map((logit, i) => {
        const { low, high } = classes[columns[i % count]!]!;
        return low + (high - low) * sigmoid(logit);
      });
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
