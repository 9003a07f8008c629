import type { SourceRange, TaskId } from '@sonde/pipeline';

/** Why a graph cannot be planned or run on this machine as it is. */
export interface RefusedProblem {
  /** `data`: a file or reference is not usable; `code`: no consent; `device`: not given, or not usable; `target`: no such step. */
  readonly code: 'data' | 'code' | 'device' | 'target';
  readonly message: string;
  readonly hint?: string;
  readonly step?: string;
  readonly task?: TaskId;
  /** Where in the pipeline file. */
  readonly range?: SourceRange;
}

/** Nothing was started: the file, an option or the data it names is invalid. Says all problems at once. */
export class RunRefused extends Error {
  readonly problems: readonly RefusedProblem[];
  constructor(problems: readonly RefusedProblem[]) {
    super(problems.map((problem) => problem.message).join('\n'));
    this.name = 'RunRefused';
    this.problems = problems;
  }
}

/** @throws RunRefused where there is any problem */
export function refuse(problems: readonly RefusedProblem[]): void {
  if (problems.length > 0) throw new RunRefused(problems);
}
