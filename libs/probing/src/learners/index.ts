import type { Learner, OpenLearner, OuterSplit } from '../learner.ts';
import { type Progress, UNTOLD } from '../progress.ts';
import type { Problem } from '../rows.ts';
import { openLogistic } from './logistic/learner.ts';
import { openMean } from './mean/learner.ts';
import { checkMlp, type MlpOptions, openMlp } from './mlp/learner.ts';
import { checkPenalties, type PenaltyOptions } from './penalised/learner.ts';
import { openRidge } from './ridge/learner.ts';
import { checkSgd, openSgd, type SgdOptions } from './sgd/learner.ts';

/** How a learner is opened, and what of its options is refused beforehand. */
export interface LearnerKind<Options> {
  readonly open: (
    problem: Problem,
    splits: readonly OuterSplit[],
    options: Options,
    progress: Progress,
  ) => Promise<Learner>;
  readonly check: (options: Options, folds: number) => void;
}

/** Options of each learner. */
export interface LearnerOptions {
  readonly ridge: PenaltyOptions;
  readonly logistic: PenaltyOptions;
  readonly mlp: MlpOptions;
  readonly sgd: SgdOptions;
  readonly mean: object;
}

export type LearnerName = keyof LearnerOptions;

/** A learner with its options. */
export type LearnerChoice = { [Name in LearnerName]: { readonly name: Name } & LearnerOptions[Name] }[LearnerName];

/** The learners by name; a new one is a folder and a line here. */
export const LEARNERS: { readonly [Name in LearnerName]: LearnerKind<LearnerOptions[Name]> } = {
  ridge: { open: openRidge, check: checkPenalties },
  logistic: { open: openLogistic, check: checkPenalties },
  mlp: { open: openMlp, check: checkMlp },
  sgd: { open: openSgd, check: checkSgd },
  mean: { open: openMean, check: () => {} },
};

/**
 * A learner by its name and options, for so many folds.
 *
 * @throws UserError where an option cannot be used
 */
export function openLearner<Name extends LearnerName>(
  choice: { readonly name: Name } & LearnerOptions[Name],
  folds: number,
): OpenLearner {
  const { open, check } = LEARNERS[choice.name];
  check(choice, folds);
  return (problem, splits, progress = UNTOLD) => open(problem, splits, choice, progress);
}
