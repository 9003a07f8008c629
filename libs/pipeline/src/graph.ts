import type { JsonObject, JsonValue } from '@sonde/base';
import type { ArtifactType, OutputSpec } from './artifact-type.ts';
import type { SourceRange } from './values/source.ts';

/** `continuations[model=embedded:parlour-base]`; inside a sub-pipeline `study/continuations[…]`. Unique in a graph. */
export type TaskId = string;

/** Axis values of a task or of a collected item: axis name → value. */
export type Axes = JsonObject;

/** Stands in a task's `with` where another task's output goes. */
export interface OutputRef {
  readonly $: 'output';
  readonly task: TaskId;
  readonly output: string;
  readonly type: ArtifactType;
  /** The axes that only the other step has: what tells the items of a collected list apart. `{}` where none. */
  readonly axes: Axes;
}

interface Target<Scheme> {
  readonly scheme: Scheme;
  /** `path`: the absolute path. `https`: the whole address, without the digest. Else what follows the scheme. */
  readonly target: string;
}

/** Where data lies: what a reference says once it is read. Only what an address holds must be pinned by its digest. */
export type DataTarget =
  | Target<'path'>
  | Target<'embedded'>
  | Target<'hf'>
  | (Target<'https'> & { /** 64 hexadecimal digits, written `https://…#sha256=<hex>`. */ readonly sha256: string });

/** Stands in a task's `with` where data from outside the graph goes. */
export type DataRef = DataTarget & {
  readonly $: 'data';
  /** As written: the label that people see. */
  readonly ref: string;
  /** The types that the place takes. */
  readonly types: readonly ArtifactType[];
  readonly range: SourceRange;
};

/** A config value after expressions: JSON with references in it. */
export type Value = null | boolean | number | string | OutputRef | DataRef | readonly Value[] | ValueObject;
export interface ValueObject {
  readonly [key: string]: Value;
}

export interface Resources {
  readonly device: 'gpu' | 'cpu' | 'any';
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly timeSeconds?: number;
  /** Devices that a task takes at once where it computes on GPUs. Absent: one. */
  readonly gpus?: number;
}

/** By how much more a task is given after a failure for want of it; each retry multiplies again. */
export interface OnFailure {
  readonly memory?: number;
  readonly time?: number;
}

export interface TaskNode {
  readonly id: TaskId;
  /** The step's id; inside a sub-pipeline `study/continuations`. */
  readonly step: string;
  readonly kind: string;
  readonly axes: Axes;
  /** `with:` after expressions, matrix and the schema's defaults. */
  readonly with: ValueObject;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  /** Every task that must have succeeded before this one: by reference or by `needs:`. Sorted. */
  readonly needs: readonly TaskId[];
  readonly resources: Resources;
  readonly retries: number;
  readonly onFailure?: OnFailure;
  readonly timeoutSeconds?: number;
  /** Where the step stands in its file. */
  readonly range: SourceRange;
}

/** A valid, fully expanded pipeline. Whoever holds one need not check it again. */
export interface Graph {
  readonly name: string;
  readonly description: string;
  /** In an order in which every task follows its needs; otherwise the file's order. */
  readonly tasks: readonly TaskNode[];
  /** The pipeline's named outputs; a list where a reference collects axes. */
  readonly outputs: Readonly<Record<string, OutputRef | readonly OutputRef[]>>;
  /** Modules that the file names, by absolute path: their step kinds are among those of the tasks. */
  readonly modules: readonly string[];
  /** Parameter values after `--set` and `--params`. */
  readonly params: Readonly<Record<string, JsonValue>>;
  /** The pipeline file and the sub-pipelines it uses, the file itself first. */
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

export function isOutputRef(value: Value): value is OutputRef {
  return typeof value === 'object' && value !== null && '$' in value && value.$ === 'output';
}

export function isDataRef(value: Value): value is DataRef {
  return typeof value === 'object' && value !== null && '$' in value && value.$ === 'data';
}
