export { defineStep } from './define-step.ts';
export { type Accelerator, deviceEnvironment } from './devices.ts';
export type { Counts, Failure, FieldChange, Reason, RunEvent } from './events.ts';
export type { FingerprintParts } from './fingerprint.ts';
export { fingerprintOf } from './fingerprint.ts';
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
export { explainTask, planGraph } from './plan.ts';
export {
  endMarkedProcesses,
  type FoundProcess,
  markedProcesses,
  type ProcessMark,
  signalProcess,
} from './processes.ts';
export { runGraph } from './run.ts';
export { serveWorker } from './serve.ts';
export type {
  Ancestor,
  CombineContext,
  Device,
  Division,
  InputArtifact,
  Provider,
  RunConfig,
  RunContext,
  RunValue,
  Shard,
  StepImplementation,
  StepKind,
} from './step.ts';
export { isInputArtifact } from './step.ts';
