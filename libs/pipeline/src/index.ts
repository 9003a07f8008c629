export type { ArtifactType, OutputSpec } from './artifact-type.ts';
export { ARTIFACT_TYPES } from './artifact-type.ts';
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
export { parseDataRef } from './config/data-ref.ts';
export {
  type InputArtifact,
  isInputArtifact,
  type Planned,
  type RunConfig,
  type RunValue,
} from './config/input-artifact.ts';
export { type Place, placeOf } from './config/schema-walk.ts';
export { CODES, type Code } from './diagnostics/codes.ts';
export type { Diagnostic } from './diagnostics/diagnostic.ts';
export { parseSetValue } from './expand/params.ts';
export { parseDuration, parseMemory, parseSpan } from './expand/settings.ts';
export type {
  Axes,
  DataRef,
  DataTarget,
  Graph,
  OnFailure,
  OutputRef,
  Resources,
  TaskId,
  TaskNode,
  Value,
  ValueObject,
} from './graph.ts';
export { isDataRef, isOutputRef } from './graph.ts';
export { type LoadOptions, type LoadResult, loadPipeline, loadPipelineText } from './load.ts';
export { resourcesAfter, type Shortages } from './resources.ts';
export {
  readSettings,
  readSettingsText,
  type SettingsForm,
  type SettingsResult,
} from './settings-file.ts';
export { type GraphView, graphToDot, graphToJson, graphToMermaid } from './show/drawings.ts';
export { pipelineSchema } from './show/editor-schema.ts';
export { renderDiagnostic } from './show/render.ts';
export type { ArtifactPlace, ConfigProblem, ConfigSchema, Consent, StepKindSpec, StepKinds } from './step-kind.ts';
export type { SourceFile, SourceRange } from './values/source.ts';
export { nearest } from './values/words.ts';
