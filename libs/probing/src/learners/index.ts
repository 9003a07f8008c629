import type { Learner, OuterSplit } from '../learner.ts';
import type { Problem } from '../rows.ts';
import { checkRidge, openRidge, type RidgeOptions } from './ridge/learner.ts';

/** How a learner is opened, and what of its options is refused beforehand. */
export interface LearnerKind<Options> {
  readonly open: (problem: Problem, splits: readonly OuterSplit[], options: Options) => Promise<Learner>;
  readonly check: (options: Options, folds: number) => void;
}

/** Options of each learner. */
export interface LearnerOptions {
  readonly ridge: RidgeOptions;
}

export type LearnerName = keyof LearnerOptions;

/** A learner with its options. */
export type LearnerChoice = { [Name in LearnerName]: { readonly name: Name } & LearnerOptions[Name] }[LearnerName];

/** The learners by name; a new one is a folder and a line here. */
export const LEARNERS: { readonly [Name in LearnerName]: LearnerKind<LearnerOptions[Name]> } = {
  ridge: { open: openRidge, check: checkRidge },
};
