import type { JsonObject, JsonValue } from '@sonde/base';
import type { Planned, RunConfig, StepKindSpec } from '@sonde/pipeline';
import type { Store } from '@sonde/store';

import type { CostModule } from './estimate/cost.ts';

export { type InputArtifact, isInputArtifact, type RunConfig, type RunValue } from '@sonde/pipeline';

/** What a result may say of the pipeline that it is of. */
export interface PipelineDescription {
  readonly name: string;
  readonly description: string;
  /** The one model that its steps name, as they name it; absent where they name none, or several. */
  readonly model?: JsonValue;
}

/** Who executes a model: one of ONNX Runtime's execution providers. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export interface Device {
  readonly provider: Provider;
  /** Intra-op threads that the step may use; never changes the bytes. */
  readonly threads: number;
}

/**
 * How one ancestor of a step was made: for reports. Names no steps, so that renaming changes nothing, and no times, so
 * that equal results are told alike.
 */
export interface Ancestor {
  readonly key: string;
  readonly fingerprint: JsonObject;
  readonly outputs: Readonly<Record<string, { readonly type: string; readonly digest: string; readonly size: number }>>;
}

/**
 * Where a kind keeps what is true of a content whatever task asks, so that none works it out twice: the scores of a text.
 * It may never change what a task gives.
 */
export interface Memory {
  /** The store's folder. */
  readonly store: string;
  /** The person wants it worked out anew (`--refresh`). */
  readonly refresh: boolean;
}

/** What `run` is given. `Config` is what the kind's schema says, `Range` what its `divide` gives. */
export interface RunContext<Config = RunConfig, Range = JsonValue> {
  readonly config: Config;
  /** The shard to compute, as `divide` described it; absent where the task is whole. */
  readonly shard?: Range;
  readonly device: Device;
  /** A fresh folder for this task alone; removed afterwards. */
  readonly scratch: string;
  /** The path to write an output to. Several files: make a folder there. */
  output(name: string): string;
  progress(done: number, total: number, unit: string): void;
  log(level: 'info' | 'warning', message: string): void;
  readonly signal: AbortSignal;
  /** Absent where nothing is kept from one task to the next. */
  readonly memory?: Memory;
  /** Set for kinds with `describesPipeline`. */
  readonly pipeline?: PipelineDescription;
  readonly ancestors?: readonly Ancestor[];
}

export interface Shard<Range = JsonValue> {
  /** The content of this shard's rows: goes into its fingerprint in place of the divided inputs' digests. */
  readonly identity: JsonValue;
  /** What `run` is given, for example a row range. Not in the fingerprint. */
  readonly range: Range;
  /** How large it is beside the others (rows): the progress of the whole task is told by it. 1 where absent. */
  readonly weight?: number;
}

export interface CombineContext<Config = RunConfig> {
  readonly config: Config;
  /** For each shard in order: output name → path. */
  readonly parts: readonly Readonly<Record<string, string>>[];
  output(name: string): string;
  /** What is to be said of the whole: a shard knows itself alone. */
  log(level: 'info' | 'warning', message: string): void;
}

/** How a large step divides along rows in a stable order. */
export interface Division<Config = RunConfig, Range = JsonValue> {
  /** Config keys (top level) whose contents `identity` stands for. */
  readonly inputs: readonly string[];
  /**
   * Runs in the parent process, not in a worker: reads no more than it must. An empty list: the task runs whole. One
   * shard is still a shard and is combined, so that growth from one shard to two computes the second only.
   */
  divide(config: Config): Promise<readonly Shard<Range>[]>;
}

/** What a worker loads to run a step. */
export interface StepImplementation<Config = RunConfig, Range = JsonValue> {
  run(context: RunContext<Config, Range>): Promise<void>;
  combine?(context: CombineContext<Config>): Promise<void>;
}

/** A step kind: what the planner needs (light to import) and how a worker gets the code that runs it. */
export interface StepKind<Config = RunConfig, Range = JsonValue> extends StepKindSpec<Config> {
  /**
   * What else changes the bytes: execution provider, runtime version. Goes into the fingerprint as `runtime`. Here and
   * in `affinity` the config's artifacts have no usable `path` yet: only `digest`, `type`, `axes`, `ref`.
   */
  runtime?(config: Config, provider: Provider): JsonObject | undefined;
  /** What absent keys mean where that depends on others; where it does not, `implied` of their schemas says it. */
  implied?(config: Config): JsonObject;
  /** Whether it computes, with this config, on the device that the run was given; every other kind does on the CPU. */
  usesDevice?(config: Planned<Config>): boolean;
  /**
   * Of a kind that reads what the store keeps beside results: whether what was computed at that time (milliseconds since
   * 1970) may be other now. Such a result is computed again.
   */
  outdated?(config: Config, store: Store, time: number): Promise<boolean>;
  readonly division?: Division<Config, Range>;
  /** Which loaded thing (a model) this task needs: a worker that has it is preferred. */
  affinity?(config: Config): string | undefined;
  load(): Promise<StepImplementation<Config, Range>>;
  /** What it says of its cost, for `estimateGraph`. */
  cost?(): Promise<CostModule<Config>>;
}
