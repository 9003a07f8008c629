export type { Counts, Failure, FieldChange, Reason, RunEvent } from './events.ts';
export type {
  Explanation,
  Plan,
  PlannedTask,
  PlanOptions,
  RefusedProblem,
  RunHandle,
  RunOptions,
  RunResult,
} from './options.ts';
export { RunRefused } from './options.ts';
export type {
  Ancestor,
  CombineContext,
  DataSources,
  Device,
  Division,
  InputArtifact,
  RunConfig,
  RunContext,
  RunValue,
  Shard,
  StepImplementation,
  StepKind,
} from './step.ts';
export { StepError } from './step.ts';
