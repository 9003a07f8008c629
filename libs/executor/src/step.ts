import type { JsonObject, JsonValue } from '@sonde/base';
import type { ArtifactType, Axes, StepKindSpec } from '@sonde/pipeline';

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

/** Whether a value of a config is an artifact; false for an absent one. */
export const isInputArtifact = (value: RunValue | undefined): value is InputArtifact =>
  typeof value === 'object' && value !== null && '$' in value && value.$ === 'artifact';

/** Who executes a model: one of ONNX Runtime's execution providers. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export interface Device {
  readonly provider: Provider;
  /** Intra-op threads that the step may use; never changes the bytes. */
  readonly threads: number;
}

/** How one ancestor of a step was made: for reports and provenance. Names no steps, so that renaming changes nothing. */
export interface Ancestor {
  readonly key: string;
  readonly fingerprint: JsonObject;
  readonly outputs: Readonly<Record<string, { readonly type: string; readonly digest: string; readonly size: number }>>;
  readonly created: string;
  readonly seconds: number;
}

export interface RunContext {
  readonly config: RunConfig;
  /** The shard to compute, as `divide` described it; absent where the task is whole. */
  readonly shard?: JsonValue;
  readonly device: Device;
  /** A fresh folder for this task alone; removed afterwards. */
  readonly scratch: string;
  /** The path to write an output to. Several files: make a folder there. */
  output(name: string): string;
  progress(done: number, total: number, unit: string): void;
  log(level: 'info' | 'warning', message: string): void;
  readonly signal: AbortSignal;
  /** Set for kinds with `describesPipeline`. */
  readonly pipeline?: { readonly name: string; readonly description: string };
  readonly ancestors?: readonly Ancestor[];
}

export interface Shard {
  /** The content of this shard's rows: goes into its fingerprint in place of the divided inputs' digests. */
  readonly identity: JsonValue;
  /** What `run` is given, for example a row range. Not in the fingerprint. */
  readonly range: JsonValue;
  /** How large it is beside the others (rows): the progress of the whole task is told by it. 1 where absent. */
  readonly weight?: number;
}

export interface CombineContext {
  readonly config: RunConfig;
  /** For each shard in order: output name → path. */
  readonly parts: readonly Readonly<Record<string, string>>[];
  output(name: string): string;
}

/** How a large step divides along rows in a stable order. */
export interface Division {
  /** Config keys (top level) whose contents `identity` stands for. */
  readonly inputs: readonly string[];
  /**
   * Runs in the parent process, not in a worker: reads no more than it must. An empty list: the task runs whole. One
   * shard is still a shard and is combined, so that growth from one shard to two computes the second only.
   */
  divide(config: RunConfig): Promise<readonly Shard[]>;
}

/** What a worker loads to run a step. */
export interface StepImplementation {
  run(context: RunContext): Promise<void>;
  combine?(context: CombineContext): Promise<void>;
}

/** A step kind: what the planner needs (light to import) and how a worker gets the code that runs it. */
export interface StepKind extends StepKindSpec {
  /**
   * What else changes the bytes: execution provider, runtime version. Goes into the fingerprint as `runtime`. Here and
   * in `affinity` the config's artifacts have no usable `path` yet: only `digest`, `type`, `axes`, `ref`.
   */
  runtime?(config: RunConfig, provider: Provider): JsonObject;
  /** Whether it computes on the device that the run was given; every other kind computes on the CPU. */
  readonly usesDevice?: boolean;
  readonly division?: Division;
  /** Which loaded thing (a model) this task needs: a worker that has it is preferred. */
  affinity?(config: RunConfig): string | undefined;
  load(): Promise<StepImplementation>;
}
