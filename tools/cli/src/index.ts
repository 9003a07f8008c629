// The programming interface of the package `sonde`: what the command line does, from code.
export { type Fault, UserError } from '@sonde/base';
export type {
  Estimate,
  Explanation,
  InputArtifact,
  Plan,
  PlannedTask,
  RunConfig,
  RunContext,
  RunEvent,
  RunHandle,
  RunResult,
  StepImplementation,
  StepKind,
  TaskEstimate,
} from '@sonde/executor';
export { defineStep, RunRefused } from '@sonde/executor';
export type { ConfigOf, ConfigSchema, Diagnostic, Graph, LoadResult, TaskNode } from '@sonde/pipeline';
export { renderDiagnostic } from '@sonde/pipeline';
export { defineScorer, type ScoreOutcome, type Scorer, type ScorerContext, type ScorerKind } from '@sonde/scoring';
export { StoreError } from '@sonde/store';
export type { EstimateOptions, LoadOptions, RunPipelineOptions, StoreOptions } from './api.ts';
export { estimate, explain, loadPipeline, plan, run, stepKinds, storeFolder } from './api.ts';
export * as schema from './schema.ts';
