export { type Accelerator, deviceEnvironment } from './backends/local/devices.ts';
export {
  endMarkedProcesses,
  type FoundProcess,
  markedProcesses,
  type ProcessMark,
  signalProcess,
} from './backends/local/processes.ts';
export { serveWorker } from './backends/local/serve.ts';
export type { FingerprintParts } from './decide/fingerprint.ts';
export { fingerprintOf } from './decide/fingerprint.ts';
export { explainTask, planGraph } from './decide/plan.ts';
export { defineStep } from './define-step.ts';
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
export type { Counts, Failure, FieldChange, Reason, RunEvent } from './run/events.ts';
export { runGraph } from './run/run.ts';
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
