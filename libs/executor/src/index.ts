export type { DeviceHolder } from './backends/backend.ts';
export { createDeviceLocks, type DeviceLocks } from './backends/local/device-locks.ts';
export {
  endMarkedProcesses,
  type FoundProcess,
  markedProcesses,
  type ProcessMark,
  signalProcess,
} from './backends/local/processes.ts';
export { serveWorker } from './backends/local/serve.ts';
export { cardOf, countCudaDevices, deviceEnvironment } from './backends/local/visible-devices.ts';
export { explainTask } from './decide/explain.ts';
export { type FingerprintParts, fingerprintOf } from './decide/fingerprint.ts';
export type { Explanation, Plan, PlannedTask, PlanOptions } from './decide/options.ts';
export { planGraph } from './decide/plan.ts';
export type { FieldChange, Reason } from './decide/reason.ts';
export { defineStep } from './define-step.ts';
export type { Cost, CostContext, CostModule, Rates, Shape } from './estimate/cost.ts';
export type { Download } from './estimate/downloads.ts';
export {
  type Estimate,
  type EstimateOptions,
  estimateGraph,
  type Grounds,
  type Places,
  type TaskEstimate,
} from './estimate/estimate.ts';
export type { Failure } from './failure.ts';
export type { Accelerator } from './provider.ts';
export { type RefusedProblem, RunRefused } from './refused.ts';
export type { AwayOptions } from './run/away.ts';
export type { Counts, RunEvent } from './run/events.ts';
export type { RunHandle, RunResult } from './run/options.ts';
export { type RunOptions, runGraph } from './run-graph.ts';
export type { Demand, Launcher } from './spool/launcher.ts';
export type { LiveState } from './spool/order.ts';
export { readShape, type Shape as WorkerShape, shapeName } from './spool/shape.ts';
export type {
  Ancestor,
  CombineContext,
  Device,
  Division,
  InputArtifact,
  Memory,
  PipelineDescription,
  Provider,
  RunConfig,
  RunContext,
  RunValue,
  Shard,
  StepImplementation,
  StepKind,
} from './step.ts';
export { isInputArtifact } from './step.ts';
export { type OrderTold, type WorkOptions, type WorkResult, work } from './work/work.ts';
