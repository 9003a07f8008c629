import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type JsonObject, type JsonValue, memo, UserError } from '@sonde/base';
import { createDataSources, dataProblem, openLockFile } from '@sonde/data';
import {
  type AwayOptions,
  defineStep,
  type Estimate,
  estimateGraph,
  explainTask,
  type Plan,
  type PlanOptions,
  type Provider,
  planGraph,
  type Rates,
  type RunEvent,
  type RunHandle,
  runGraph,
  type StepKind,
  type WorkOptions as WorkOnOptions,
  type WorkResult,
  work,
} from '@sonde/executor';
import { type Graph, type LoadResult, loadPipeline as loadPipelineFile } from '@sonde/pipeline';
import { openRemote, type RemoteEvent, type RemoteSetting, type SharedStore, shareStore } from '@sonde/remote';
import { isScorerKind, SCORER_KINDS, type ScorerKind } from '@sonde/scoring/kinds';
import { FOLDER_READERS, STEP_KINDS, textScoreWith } from '@sonde/steps';
import { openStore, type Store } from '@sonde/store';
import envPaths from 'env-paths';
import { acceleratorsOf, tryAccelerator } from './devices.ts';
import { devicesFor, type Executor } from './executors.ts';
import { findUp, packageRoot, version } from './package.ts';
import { remoteSecret } from './remotes.ts';
import type { SlurmLauncher } from './slurm.ts';

/** How a pipeline file is read. */
export interface LoadOptions {
  /** Parameter values, as `--set` gives them; relative paths in them are relative to `cwd`. */
  readonly set?: Readonly<Record<string, JsonValue>>;
  /** A YAML file of parameter values. */
  readonly params?: string;
  readonly cwd?: string;
  /** Modules that export what `defineStep` or `defineScorer` gives: JavaScript files, run with the process's rights. */
  readonly modules?: readonly string[];
  /** Consent to run the modules that the file names itself (`modules:`): without it such a file is refused. */
  readonly allowModules?: boolean;
}

export interface StoreOptions extends LoadOptions {
  /** The store's folder. Default: `SONDE_STORE`, else `cache/` beside the nearest package.json, else the user's cache. */
  readonly store?: string;
  /** Step ids or task ids: only they and what they need. */
  readonly targets?: readonly string[];
  /** Step ids to run although their results are in the store. */
  readonly refresh?: readonly string[];
  /** Refuse to resolve movable revisions (`hf:owner/name@main`) that `sonde.lock` does not have. */
  readonly frozen?: boolean;
  /** Refuse network access. */
  readonly offline?: boolean;
  /** Stores of other places, which are asked in this order for what is not here. */
  readonly remotes?: readonly RemoteSetting[];
  /** Told of what comes from them, goes to them and fails. */
  readonly onRemote?: (event: RemoteEvent) => void;
  /** Where models compute: `cpu`, `cuda`, `cuda:0,1`, `webgpu` or `auto` (the default): CUDA if it works, else the CPU. */
  readonly device?: string;
  /**
   * Who does the work: worker processes of this one (`local`, the default), workers on hosts that see the store, or jobs
   * of Slurm.
   */
  readonly executor?: Executor;
  /** How Slurm is asked for jobs: a file. Default: `slurm.yaml` beside the pipeline, or in the user's settings. */
  readonly profile?: string;
  /** What stands for the pipeline file where that lies in scratch: the bundle that it comes from. */
  readonly origin?: string;
}

export interface RunPipelineOptions extends StoreOptions {
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly allowCode?: boolean;
  readonly signal?: AbortSignal;
  readonly killSignal?: AbortSignal;
  readonly metadata?: JsonObject;
  /** How work is given away, where the executor is not `local`. */
  readonly away?: Omit<AwayOptions, 'modules' | 'onNote' | 'onResult'>;
  /** Told of what a person should know before the run starts. */
  readonly onNote?: (message: string) => void;
}

/**
 * For workers, unless the environment says otherwise: glibc then gives weights that were converted while a model was
 * loaded back to the system, a seventh to a quarter of the model's memory. Other C libraries ignore it.
 */
function freedAtOnce(): Record<string, string> {
  return {
    MALLOC_MMAP_THRESHOLD_: process.env.MALLOC_MMAP_THRESHOLD_ ?? String(2 ** 20),
  };
}

/** The program of worker processes, and what they find in their environment. */
function workerProcess(modules: readonly string[], offline: boolean) {
  return {
    workerEntry: path.join(packageRoot(), 'dist', 'worker.js'),
    env: {
      ...freedAtOnce(),
      SONDE_MODULES: JSON.stringify(modules),
      ...(offline ? { SONDE_OFFLINE: '1' } : {}),
    },
  };
}

/** `store`, else `SONDE_STORE`, else `cache/` beside the nearest package.json, else the user's cache folder. */
export function storeFolder(option: string | undefined): string {
  return storePlace(option).folder;
}

/** `isUsers`: nothing named a store and no package.json is near. */
export function storePlace(option: string | undefined): { readonly folder: string; readonly isUsers: boolean } {
  const named = option ?? process.env.SONDE_STORE;
  if (named !== undefined && named !== '') return { folder: path.resolve(named), isUsers: false };
  const project = findUp(process.cwd(), 'package.json');
  if (project !== undefined) return { folder: path.join(project, 'cache'), isUsers: false };
  return { folder: envPaths('sonde', { suffix: '' }).cache, isUsers: true };
}

function isStepKind(value: unknown): value is StepKind {
  return typeof value === 'object' && value !== null && 'kind' in value && 'revision' in value;
}

interface ModuleKinds {
  readonly steps: readonly StepKind[];
  readonly scorers: readonly ScorerKind[];
}

/** The kinds of step and of scorer that a module exports. What is wrong with the module is a `UserError` that names it. */
async function kindsOf(file: string): Promise<ModuleKinds> {
  const target = path.resolve(file);
  if (!existsSync(target)) throw new UserError('usage', `there is no module ${file}`);
  let found: ModuleKinds;
  try {
    const exported: Record<string, unknown> = await import(pathToFileURL(target).href);
    const values = Object.values(exported);
    const scorers = values.filter(isScorerKind);
    const steps = values.filter(isStepKind).filter((kind) => !isScorerKind(kind));
    found = { steps: steps.map((kind) => defineStep(kind)), scorers };
  } catch (error) {
    throw new UserError(
      'usage',
      `the module ${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      'It is a JavaScript file that exports step kinds made by defineStep.',
    );
  }
  if (found.steps.length + found.scorers.length === 0)
    throw new UserError('usage', `the module ${file} exports no step kind`, 'Export what defineStep gives.');
  return found;
}

interface Kinds {
  readonly steps: ReadonlyMap<string, StepKind>;
  readonly scorers: readonly ScorerKind[];
}

/** Sonde's own kinds of step and scorer, and those that the modules export. Throws where a module cannot be used. */
export async function allKinds(modules: readonly string[] = []): Promise<Kinds> {
  if (modules.length === 0) return { steps: STEP_KINDS, scorers: SCORER_KINDS };
  const steps = new Map(STEP_KINDS);
  const scorers = new Map(SCORER_KINDS.map((kind) => [kind.kind, kind]));
  for (const file of modules) {
    const found = await kindsOf(file);
    for (const scorer of found.scorers) {
      if (scorers.has(scorer.kind))
        throw new UserError('usage', `the module ${file}: there is a kind of scorer "${scorer.kind}" already`);
      scorers.set(scorer.kind, scorer);
    }
    for (const kind of found.steps) {
      if (steps.has(kind.kind))
        throw new UserError('usage', `the module ${file}: there is a step kind "${kind.kind}" already`);
      steps.set(kind.kind, kind);
    }
  }
  if (scorers.size > SCORER_KINDS.length) {
    const textScore = textScoreWith([...scorers.values()]);
    steps.set(textScore.kind, textScore as unknown as StepKind);
  }
  return { steps, scorers: [...scorers.values()] };
}

/** Sonde's own step kinds and those that the modules export. Throws where a module cannot be used. */
export async function stepKinds(modules: readonly string[] = []): Promise<ReadonlyMap<string, StepKind>> {
  return (await allKinds(modules)).steps;
}

function consented(named: readonly string[], allowed: boolean): readonly string[] {
  if (named.length === 0 || allowed) return named;
  const files = named.slice(0, 5).map((file) => path.relative('.', file));
  const more = named.length > files.length ? ` and ${named.length - files.length} more` : '';
  throw new UserError(
    'usage',
    `the pipeline names ${named.length === 1 ? 'the module' : 'the modules'} ${files.join(', ')}${more}, whose code has to run before its step kinds are known`,
    'Read it, and if you trust it, add --allow-code.',
  );
}

/**
 * Reads, checks and expands a pipeline file. Runs no code of it (but the modules that it names, with consent), opens no
 * network.
 */
export async function loadPipeline(file: string, options: LoadOptions = {}): Promise<LoadResult> {
  return loadPipelineFile(file, {
    kinds: (named) => stepKinds([...(options.modules ?? []), ...consented(named, options.allowModules === true)]),
    cwd: options.cwd ?? process.cwd(),
    dataProblem,
    ...(options.set === undefined ? {} : { set: options.set }),
    ...(options.params === undefined ? {} : { paramsFile: options.params }),
  });
}

/** Beside the pipeline file: the commits that its movable revisions stand for. */
const LOCK = 'sonde.lock';

function lockOf(graph: Graph): string {
  return path.join(path.dirname(graph.files[0]!.path), LOCK);
}

function modulesOf(graph: Graph, { modules = [] }: LoadOptions): readonly string[] {
  return [...new Set([...modules.map((file) => path.resolve(file)), ...graph.modules])];
}

async function digestOfModule(file: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(file))
    .digest('hex')}`;
}

/** Writes the contents of the modules that the file names into its lock, or holds them against what it says. */
async function pinModules(graph: Graph, frozen: boolean, note: (message: string) => void): Promise<void> {
  const lock = openLockFile(lockOf(graph));
  for (const file of graph.modules) {
    const name = path.relative(path.dirname(lock.path), file).split(path.sep).join('/');
    const digest = await digestOfModule(file);
    const pinned = await lock.pinOf(name);
    if (pinned === digest) continue;
    if (frozen) {
      throw new UserError(
        'lock',
        pinned === undefined
          ? `${LOCK} does not have the module ${name}`
          : `the module ${name} is not what ${LOCK} says: its digest is ${digest}, not ${pinned}`,
        'Run without --frozen to take the module as it is now.',
      );
    }
    if (pinned !== undefined) note(`The module ${name} has changed since ${LOCK} was written: ${digest}`);
    await lock.pin(name, digest);
  }
}

/**
 * The store of the options, which goes on in their remotes. SONDE_REMOTE_SECRET signs what is given there, and then only
 * what is signed with it is taken.
 */
export async function sharedStore(
  options: StoreOptions,
  { readOnly = false, signal }: { readonly readOnly?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<SharedStore> {
  const remotes = (options.remotes ?? [])
    .map((setting) => openRemote(setting, options.cwd ?? process.cwd()))
    .filter(({ overNetwork }) => !(overNetwork && options.offline === true));
  return shareStore(await openStore(storeFolder(options.store), { readOnly }), {
    remotes,
    secret: remoteSecret(),
    signal,
    ...(options.onRemote === undefined ? {} : { onEvent: options.onRemote }),
  });
}

async function planOptions(graph: Graph, options: StoreOptions, store: Store): Promise<PlanOptions> {
  return {
    store,
    kinds: await stepKinds(modulesOf(graph, options)),
    sources: createDataSources({
      folders: FOLDER_READERS,
      lock: lockOf(graph),
      frozen: options.frozen === true,
      offline: options.offline === true,
    }),
    accelerators: await devicesFor(options.executor ?? 'local', options.device),
    ...(options.targets === undefined ? {} : { targets: options.targets }),
    ...(options.refresh === undefined ? {} : { refresh: options.refresh }),
  };
}

/** What would run and why. Writes nothing, opens no network but to the remotes of the options. */
export async function plan(graph: Graph, options: StoreOptions = {}): Promise<Plan> {
  return planGraph(graph, await planOptions(graph, options, await sharedStore(options, { readOnly: true })));
}

export interface EstimateOptions extends StoreOptions {
  readonly jobs?: number;
}

/** An estimate, and what it takes of the machines that are to do the work. */
export interface PipelineEstimate extends Estimate {
  /** Jobs of Slurm at once, where they do the work, and the GPU that is expected; undefined: of no known sort. */
  readonly cluster?: { readonly jobs: number; readonly card: string | undefined };
  /** Bytes a second of what is brought here, by what earlier runs brought. */
  readonly downloadRate?: number;
}

/**
 * What would run, and the time, memory and disk that it is expected to take. Runs nothing of the pipeline, as `plan`. Of a
 * cluster Slurm is asked once what nodes there are.
 */
export async function estimate(graph: Graph, options: EstimateOptions = {}): Promise<PipelineEstimate> {
  const { executor = 'local' } = options;
  const store = await sharedStore(options, { readOnly: true });
  const planned = await planOptions(graph, options, store);
  const cluster = executor === 'slurm' ? await clusterFor(graph, options) : undefined;
  const jobs = options.jobs ?? os.availableParallelism();
  // Of somebody else's workers nothing is known but that there will be one.
  const here = { cpu: jobs, devices: Math.max(1, executor === 'local' ? (planned.accelerators?.length ?? 0) : 1) };
  const measured = new Map<Provider, Promise<Rates>>();
  const estimated = await estimateGraph(graph, {
    ...planned,
    places: cluster?.places ?? (executor === 'local' ? here : { ...here, small: 1 }),
    ...(cluster === undefined ? {} : { ofThoseMachines: ({ notes }) => typeof notes?.job === 'string' }),
    rates: (provider) =>
      memo(measured, provider, async () => {
        const { measureRates, ratesOfCard } = await import('@sonde/engine');
        const threads = cluster?.threads ?? Math.max(1, Math.floor(os.availableParallelism() / jobs));
        if (provider === 'cpu' || executor === 'local') return measureRates(provider, threads);
        return { ...(await measureRates('cpu', threads)), ...ratesOfCard(cluster?.card) };
      }),
  });
  const downloadRate = estimated.downloads.length === 0 ? undefined : await rateOfDownloads(store);
  return {
    ...estimated,
    ...(cluster === undefined ? {} : { cluster: { jobs: cluster.jobs, card: cluster.card } }),
    ...(downloadRate === undefined ? {} : { downloadRate }),
  };
}

/** Where the pipeline lies for the person who runs it. */
function originOf(graph: Graph, { origin }: StoreOptions): string {
  return origin === undefined ? graph.files[0]!.path : path.resolve(origin);
}

async function clusterFor(graph: Graph, options: EstimateOptions) {
  const { clusterPlaces, slurmProfile } = await import('./slurm.ts');
  const found = await clusterPlaces(graph, await slurmProfile(originOf(graph, options), options.profile));
  return options.jobs === undefined ? found : { ...found, places: { ...found.places, cpu: options.jobs } };
}

/** Runs whose downloads tell how fast this network is. */
const RUNS_WITH_DOWNLOADS = 5;

/** Bytes a second, over the downloads of the newest runs. */
async function rateOfDownloads(store: Store): Promise<number | undefined> {
  let [bytes, seconds] = [0, 0];
  for (const { id } of (await store.runs.list()).slice(0, RUNS_WITH_DOWNLOADS)) {
    for (const event of (await store.runs.open(id)).events as unknown as readonly RunEvent[]) {
      if (event.event !== 'data.fetched') continue;
      bytes += event.bytes;
      seconds += event.seconds;
    }
  }
  return seconds > 0 && bytes > 0 ? bytes / seconds : undefined;
}

/** A task's fingerprint, and how it differs from the nearest earlier one. */
export async function explain(graph: Graph, task: string, options: StoreOptions = {}): ReturnType<typeof explainTask> {
  return explainTask(graph, task, await planOptions(graph, options, await sharedStore(options, { readOnly: true })));
}

/**
 * Runs what is not cached. The pipeline's named outputs are read back at the end, and made again where damaged. The result
 * comes once the remotes have what was to be given to them.
 */
export async function run(graph: Graph, options: RunPipelineOptions = {}): Promise<RunHandle> {
  const store = await sharedStore(options, { signal: options.signal });
  const { keepGoing, allowCode, signal, killSignal } = options;
  const { away, end } = await awayOptions(graph, options, store);
  // Beside what is given away the run itself does one small task at a time.
  const jobs = options.jobs ?? (away === undefined ? undefined : 1);
  await pinModules(graph, options.frozen === true, options.onNote ?? (() => undefined));
  const handle = runGraph(graph, {
    ...(await planOptions(graph, options, store)),
    exports: Object.values(graph.outputs).flat(),
    tryAccelerator,
    ...workerProcess(modulesOf(graph, options), options.offline === true),
    ...(away === undefined ? {} : { away }),
    metadata: { sonde: version(), ...options.metadata },
    ...(jobs === undefined ? {} : { jobs }),
    ...(keepGoing === undefined ? {} : { keepGoing }),
    ...(allowCode === undefined ? {} : { allowCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(killSignal === undefined ? {} : { killSignal }),
  });
  const result = handle.result.then(async (ended) => {
    // What workers did for an earlier run, which did not see its end, was given by nobody.
    if (away !== undefined) for (const record of ended.records.values()) store.give(record);
    await Promise.all([store.settle(), end({ left: ended.status === 'interrupted' })]);
    return ended;
  });
  result.catch(() => {});
  return { events: handle.events, result };
}

/** How work is given away, if it is, and what there is to do when the run is over. */
async function awayOptions(
  graph: Graph,
  options: RunPipelineOptions,
  store: SharedStore,
): Promise<{ readonly away?: AwayOptions; readonly end: SlurmLauncher['end'] }> {
  const { executor = 'local', onNote } = options;
  const nothing = async () => undefined;
  if (executor === 'local') return { end: nothing };
  const files = modulesOf(graph, options);
  const away = {
    ...options.away,
    modules: await Promise.all(files.map(digestOfModule)),
    onResult: store.give,
    ...(onNote === undefined ? {} : { onNote }),
  };
  if (executor === 'workers') return { away, end: nothing };
  const { slurmLauncher, slurmProfile } = await import('./slurm.ts');
  const pipeline = originOf(graph, options);
  const profile = await slurmProfile(pipeline, options.profile);
  const launcher = slurmLauncher({
    profile,
    pipeline,
    store,
    folder: await store.spool.folder('slurm'),
    ...(onNote === undefined ? {} : { onNote }),
    workerOptions: [
      ...files.map((file) => `--module=${file}`),
      ...(options.allowCode === true ? ['--allow-code'] : []),
      ...(options.offline === true ? ['--offline'] : []),
    ],
  });
  return { away: { lightHere: profile.smallTasks === 'here', ...away, launcher }, end: (run) => launcher.end(run) };
}

export interface WorkerOptions
  extends Pick<
    WorkOnOptions,
    | 'shape'
    | 'jobs'
    | 'allowCode'
    | 'idleSeconds'
    | 'graceSeconds'
    | 'job'
    | 'scratch'
    | 'lifetime'
    | 'ranOutOfMemory'
    | 'signal'
    | 'killSignal'
    | 'onOrder'
  > {
  readonly store?: string;
  /** The modules whose step kinds it knows: the very ones that the run was given. */
  readonly modules?: readonly string[];
  readonly device?: string;
  readonly offline?: boolean;
}

/** Does what runs with another executor than `local` have left to workers in this store, until there is nothing for a while. */
export async function workOn(options: WorkerOptions): Promise<WorkResult> {
  const { store: folder, modules: named = [], device, offline = false, ...rest } = options;
  const modules = named.map((file) => path.resolve(file));
  const store = await openStore(storeFolder(folder));
  try {
    return await work({
      ...rest,
      ...workerProcess(modules, offline),
      store,
      kinds: await stepKinds(modules),
      modules: await Promise.all(modules.map(digestOfModule)),
      accelerators: rest.shape?.startsWith('cpu') === true ? [] : await acceleratorsOf(device),
    });
  } finally {
    await store.close();
  }
}
