export { CODES, type Code } from './codes.ts';
export {
  anything,
  artifact,
  artifacts,
  boolean,
  type ConfigOf,
  constant,
  type Field,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  text,
  words,
} from './config/builder.ts';
export {
  type InputArtifact,
  isInputArtifact,
  type Planned,
  type RunConfig,
  type RunValue,
} from './config/input-artifact.ts';
export { parseDataRef } from './data-ref.ts';
export type { Diagnostic } from './diagnostic.ts';
export { pipelineSchema } from './editor-schema.ts';
export { type GraphView, graphToDot, graphToJson, graphToMermaid } from './formats.ts';
export type {
  Axes,
  DataRef,
  DataTarget,
  Graph,
  OutputRef,
  Resources,
  TaskId,
  TaskNode,
  Value,
  ValueObject,
} from './graph.ts';
export { isDataRef, isOutputRef } from './graph.ts';
export { type LoadOptions, type LoadResult, loadPipeline, loadPipelineText } from './load.ts';
export { parseSetValue } from './params.ts';
export { renderDiagnostic } from './render.ts';
export type { SourceFile, SourceRange } from './source.ts';
export type {
  ArtifactPlace,
  ArtifactType,
  ConfigProblem,
  ConfigSchema,
  OutputSpec,
  StepKindSpec,
  StepKinds,
} from './step-kind.ts';
export { ARTIFACT_TYPES } from './step-kind.ts';
export { nearest } from './words.ts';
