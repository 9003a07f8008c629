export type { Diagnostic } from './diagnostic.ts';
export type { Axes, DataRef, Graph, OutputRef, Resources, TaskId, TaskNode, Value, ValueObject } from './graph.ts';
export { isDataRef, isOutputRef } from './graph.ts';
export type { JsonObject, JsonValue } from './json.ts';
export type { SourceFile, SourceRange } from './source.ts';
export type { ArtifactPlace, ArtifactType, ConfigProblem, ConfigSchema, OutputSpec, StepKindSpec, StepKinds } from './step-kind.ts';
export { ARTIFACT_TYPES } from './step-kind.ts';
