export type { Counts, Failure, FieldChange, Reason, RunEvent } from './events.ts';
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
