import type { JsonObject, JsonValue } from '@sonde/base';
import type { ArtifactType, DataRef, RunConfig, StepKindSpec } from '@sonde/pipeline';

export { type InputArtifact, isInputArtifact, type RunConfig, type RunValue } from '@sonde/pipeline';

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
  /** Set for kinds with `describesPipeline`. */
  readonly pipeline?: { readonly name: string; readonly description: string };
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
  runtime?(config: Config, provider: Provider): JsonObject;
  /** Whether it computes on the device that the run was given; every other kind computes on the CPU. */
  readonly usesDevice?: boolean;
  readonly division?: Division<Config, Range>;
  /** Which loaded thing (a model) this task needs: a worker that has it is preferred. */
  affinity?(config: Config): string | undefined;
  load(): Promise<StepImplementation<Config, Range>>;
}

/** Data of another machine at one fixed state of it: what it is, and its bytes as soon as they are wanted. */
export interface RemoteData {
  readonly type: ArtifactType;
  /** The reference with the commit that it stands for: for a result's notes. */
  readonly identity: string;
  /** The file or folder, once `fetch` has succeeded. */
  readonly path: string;
  /** Relative path → content; the path is empty where the data is one file. Absent: what lies at `path` tells. */
  readonly files?: Readonly<Record<string, { readonly digest: string; readonly size: number }>>;
  /** Brings what is missing to `path`; does nothing where nothing is. */
  fetch(hooks: FetchHooks): Promise<void>;
}

export interface FetchHooks {
  readonly signal: AbortSignal;
  /** Bytes here, of all. Not called where nothing was missing. */
  progress(done: number, total: number): void;
  /** A request is made again after so many seconds. */
  retry(message: string, seconds: number): void;
}

export interface ResolveHooks extends Pick<FetchHooks, 'signal'> {
  /** A revision that can move stands for this commit; `from`: who says so. */
  resolved(ref: string, commit: string, from: 'hub' | 'lock' | 'cache'): void;
  retry(ref: string, message: string, seconds: number): void;
}

/** Data that another machine has. Errors are for a person, with a `hint` where there is one. */
export interface RemoteSource {
  /** What a reference stands for, as far as it is known without opening the network; else why it is not. */
  locate(ref: DataRef): Promise<RemoteData | { readonly unknown: string }>;
  /** The same, asking where it is not known. */
  resolve(ref: DataRef, hooks: ResolveHooks): Promise<RemoteData>;
}

/** How data from outside the graph becomes files: which of a folder's files count, where embedded data lies. */
export interface DataSources {
  /** The files that matter in a folder of this type (relative paths, sorted), or an error that says what is missing. */
  listFiles(type: ArtifactType, folder: string): Promise<readonly string[]>;
  /** The path of `embedded:` data, and its type. */
  resolveEmbedded(name: string): { readonly type: ArtifactType; readonly path: string };
  /** For `hf:` references. */
  readonly remote?: RemoteSource;
}
