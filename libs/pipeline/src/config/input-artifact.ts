import type { ArtifactType } from '../artifact-type.ts';
import type { Axes, DataRef, OutputRef } from '../graph.ts';

/** An input as a running step sees it: verified bytes at a path that must not be written to. */
export interface InputArtifact {
  readonly $: 'artifact';
  readonly type: ArtifactType;
  /** A file; for several files a folder. */
  readonly path: string;
  readonly digest: string;
  /** What tells the items of a collected list apart: axis → value. */
  readonly axes: Axes;
  /** The reference as written, where the input comes from outside the graph. */
  readonly ref?: string;
}

/** A step's `with:` when it runs: JSON in which every reference is an `InputArtifact`. */
export type RunValue = null | boolean | number | string | InputArtifact | readonly RunValue[] | RunConfig;
export interface RunConfig {
  readonly [key: string]: RunValue;
}

/** The same config in a graph, before anything has run: references stand where the artifacts will be. */
export type Planned<Value> = Value extends InputArtifact
  ? OutputRef | DataRef
  : Value extends readonly (infer Item)[]
    ? readonly Planned<Item>[]
    : Value extends object
      ? { readonly [Key in keyof Value]: Planned<Value[Key]> }
      : Value;

/** Whether a value of a config is an artifact; false for an absent one. */
export function isInputArtifact(value: unknown): value is InputArtifact {
  return typeof value === 'object' && value !== null && '$' in value && value.$ === 'artifact';
}
