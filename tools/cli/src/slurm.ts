import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import { type Demand, type Launcher, type Places, readShape, type WorkerShape } from '@sonde/executor';
import { type Graph, type Resources, renderDiagnostic } from '@sonde/pipeline';
import {
  type Cluster,
  capacitiesFor,
  findProfile,
  openCluster,
  type Profile,
  type ProfileResult,
  plainProfile,
  readProfile,
  requirePrograms,
  type Shape,
  type Wanted,
} from '@sonde/slurm';
import type { Store } from '@sonde/store';
import { packageRoot } from './package.ts';
import { settingsFile } from './remotes.ts';

/** A worker on the CPU is sent for so many orders that each of its places can have, where they are of a step that asks for nothing. */
const SMALL_ORDERS_A_PLACE = 4;

/**
 * The profile that says how jobs are asked for: `--profile`, else `slurm.yaml` beside the pipeline, else that of the
 * user's settings. A cluster that needs nothing said needs none.
 *
 * @throws UserError where the file that is named is not there
 */
export async function readSlurmProfile(pipeline: string, named: string | undefined): Promise<ProfileResult> {
  const file = findProfile({
    named,
    besidePipeline: path.dirname(pipeline),
    settingsFolder: path.dirname(settingsFile()),
  });
  return file === undefined ? { ok: true, profile: plainProfile() } : readProfile(file);
}

/** As `readSlurmProfile`. @throws UserError where it is not valid, each problem with its place */
export async function slurmProfile(pipeline: string, named: string | undefined): Promise<Profile> {
  const read = await readSlurmProfile(pipeline, named);
  if (read.ok) return read.profile;
  const told = read.diagnostics.map((one) => renderDiagnostic(one, { cwd: process.cwd() })).join('\n');
  throw new UserError('usage', `the Slurm profile is not valid\n${told}`);
}

export interface SlurmLauncherOptions {
  readonly profile: Profile;
  /** The absolute path of the pipeline file: with the store it names the jobs. */
  readonly pipeline: string;
  readonly store: Store;
  /** In the store: for the logs of jobs. */
  readonly folder: string;
  /** More options of `sonde work`: `--module FILE`, `--allow-code`, `--offline`. */
  readonly workerOptions: readonly string[];
  /** Told of what a person should know. */
  readonly onNote?: (message: string) => void;
}

export interface SlurmLauncher extends Launcher {
  /**
   * The run is over: takes workers back that have not started, where the store has no work for them. Says so where it has
   * left work, and there is no worker.
   */
  end(run: { readonly left: boolean }): Promise<void>;
}

/**
 * Starts workers as jobs of Slurm, as many as there is work for.
 *
 * @throws UserError where Slurm cannot be asked from here
 */
export function slurmLauncher(options: SlurmLauncherOptions): SlurmLauncher {
  requirePrograms();
  const { profile, store, folder, pipeline } = options;
  const cluster = openCluster({
    profile,
    scope: `${store.dir}\n${pipeline}`,
    folder,
    cwd: process.cwd(),
    command: (shape) => workerCommand(options, shape),
  });
  let probing: Probing | undefined;
  let asked = false;

  return {
    async want(demand) {
      const wanted = workersFor(demand, profile);
      if (wanted.length === 0) return [];
      asked = true;
      if (profile.probe) {
        probing ??= probe(cluster, wanted);
        // Where an earlier one has answered, that is known at once.
        await Promise.race([probing.over, delay(SOON)]);
        if (probing.error !== undefined) throw probing.error;
        if (!probing.done) return [`A small job looks first whether compute nodes see the store${probing.waits}.`];
      }
      const ensured = await cluster.ensure(wanted);
      const workers = await cluster.workers();
      return [
        ...ensured.flatMap(({ later }) => (later === undefined ? [] : [`Workers come later: ${later}.`])),
        ...workers.flatMap((one) => (one.state === 'ended' && one.end !== 'completed' ? [`Slurm: ${one.words}.`] : [])),
      ];
    },
    cancel: () => cluster.cancel(),

    async end({ left }) {
      if (!asked) return;
      const workers = await Promise.race([cluster.workers(), delay(PATIENCE, undefined, { ref: false })]);
      if (workers === undefined) return;
      for (const shape of await store.spool.shapes()) {
        if ((await store.spool.list(shape)).length === 0) continue;
        if (left && workers.every(({ state }) => state === 'ended'))
          options.onNote?.('No worker is queued or running: the same command sends for some.');
        return;
      }
      // Who cannot be told now finds nothing to do, and ends by itself.
      const queued = workers.filter(({ state }) => state === 'queued');
      if (queued.length > 0) await cluster.cancel(queued.map(({ id }) => id)).catch(() => undefined);
    },
  };
}

/** Milliseconds for which Slurm is waited for at the end of a run. */
const PATIENCE = 10_000;
/** Milliseconds in which what lies in a file is read. */
const SOON = 1000;

interface Probing {
  done: boolean;
  readonly over: Promise<void>;
  /** `: it waits in the queue (Priority)`, where there is something to say. */
  waits: string;
  error?: unknown;
}

/** Waits for its turn in the queue: meanwhile the run goes on with what it does itself. */
function probe(cluster: Cluster, wanted: readonly Wanted[]): Probing {
  const onWait = (words: string) => {
    probing.waits = `: ${words}`;
  };
  const shapes = wanted.map(({ shape }) => shape);
  const over = cluster.probe(shapes, { onWait }).then(
    () => {
      probing.done = true;
    },
    (error: unknown) => {
      probing.error = error;
    },
  );
  const probing: Probing = { done: false, waits: '', over };
  return probing;
}

/** How many workers of which shape there is work for; what the profile allows is dealt out in turn. */
export function workersFor(demand: readonly Demand[], profile: Profile): readonly Wanted[] {
  const needs = demand.map(({ name, shape, orders }) => {
    const places = placesOf(shape, profile);
    const useful = Math.ceil(orders / (places * (asksForNothing(shape) ? SMALL_ORDERS_A_PLACE : 1)));
    return { shape: requestOf(name, shape, places), useful, workers: 0 };
  });
  let left = profile.workers.most;
  let open = needs.filter(({ useful }) => useful > 0);
  while (left > 0 && open.length > 0) {
    for (const need of open.slice(0, left)) {
      need.workers++;
      left--;
    }
    open = open.filter(({ useful, workers }) => workers < useful);
  }
  return needs.filter(({ workers }) => workers > 0).map(({ shape, workers }) => ({ shape, workers }));
}

function asksForNothing({ gpus, cpus, memoryBytes, seconds }: WorkerShape): boolean {
  return gpus === 0 && cpus === undefined && memoryBytes === undefined && seconds === undefined;
}

/** How many tasks of the CPU a worker does at a time. */
function placesOf({ gpus, cpus = 1 }: Pick<WorkerShape, 'gpus' | 'cpus'>, profile: Profile): number {
  return gpus > 0 ? 1 : Math.max(1, Math.floor(profile.cpu.cpus / cpus));
}

/** What a run has of the cluster at once, as far as its profile and Slurm say. */
export interface ClusterPlaces {
  readonly places: Places;
  readonly jobs: number;
  /** Threads of a task on the CPU. */
  readonly threads: number;
  /** The sort of GPU that jobs get, by Slurm's name; undefined where there are several, or it has none. */
  readonly card: string | undefined;
}

/** Asks Slurm what nodes there are; where it does not answer, the profile alone says how much there is. */
export async function clusterPlaces({ tasks }: Graph, profile: Profile): Promise<ClusterPlaces> {
  const jobs = Math.min(profile.workers.most, profile.limits.jobs ?? Number.POSITIVE_INFINITY);
  const { cpu, gpu } = await capacitiesFor(profile);
  const most = (of: (resources: Resources) => number | undefined) =>
    Math.max(1, ...tasks.map(({ resources }) => of(resources) ?? 1));
  const atOnce = (wanted: number, there: number | undefined) => Math.max(1, Math.min(wanted, there ?? wanted));
  const cpus = most((resources) => resources.cpus);
  return {
    places: {
      cpu: atOnce(jobs * placesOf({ gpus: 0, cpus }, profile), cpu && Math.floor(cpu.cpus / cpus)),
      devices: atOnce(jobs * most((resources) => resources.gpus), gpu?.gpus),
      ...(profile.smallTasks === 'here' ? { small: 1 } : {}),
    },
    jobs,
    threads: cpus,
    card: cardOf(profile) ?? (gpu?.cards.length === 1 ? gpu.cards[0] : undefined),
  };
}

/** The sort of GPU that the profile asks for by its name: `--gpus-per-node=a100:{n}`. */
function cardOf({ gpuRequest }: Profile): string | undefined {
  const name = /([A-Za-z][\w.-]*):\{n\}/.exec(gpuRequest)?.[1];
  return name === 'gpu' ? undefined : name;
}

function requestOf(name: string, { gpus, cpus, memoryBytes, seconds }: WorkerShape, places: number): Shape {
  return {
    work: name,
    gpus,
    ...(cpus === undefined ? {} : { cpus: cpus * places }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: memoryBytes * places }),
    ...(seconds === undefined ? {} : { seconds }),
  };
}

function workerCommand({ profile, store, workerOptions }: SlurmLauncherOptions, shape: Shape): readonly string[] {
  const name = shape.work!;
  const ownCpus = shape.cpus ?? profile.cpu.cpus;
  const { provider, gpus, cpus = 1 } = readShape(name)!;
  return [
    process.execPath,
    path.join(packageRoot(), 'dist', 'cli.js'),
    'work',
    `--store=${store.dir}`,
    `--shape=${name}`,
    `--idle=${profile.workers.idleSeconds}`,
    ...(gpus > 0
      ? [`--device=${deviceNames(provider, gpus)}`]
      : ['--device=cpu', `--jobs=${Math.max(1, Math.floor(ownCpus / cpus))}`]),
    ...scratchOptions(profile),
    ...workerOptions,
  ];
}

/** What a job has of Slurm is numbered from 0, whichever cards of the node they are. */
function deviceNames(provider: WorkerShape['provider'], gpus: number): string {
  return gpus === 1 ? provider : `${provider}:${Array.from({ length: gpus }, (_, index) => index).join(',')}`;
}

function scratchOptions({ scratch }: Profile): readonly string[] {
  if (scratch === undefined) return [];
  const { folder, bytes, keepSeconds } = scratch;
  // The node fills in variables: the shell of the job does not see them.
  return [`--scratch=${folder}`, `--scratch-size=${bytes}B`, `--scratch-keep=${keepSeconds}s`];
}
