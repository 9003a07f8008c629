import type { Profile } from './profile.ts';

/**
 * What a worker is asked of the cluster for. Workers of one shape are alike, and one array job holds many of them. What
 * is not said is as the profile has it.
 */
export interface Shape {
  readonly gpus: number;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  /** How long the longest piece of work may take. */
  readonly seconds?: number;
  /** Tells apart workers that are asked for alike and do other work. */
  readonly work?: string;
}

/**
 * A worker as Slurm knows it: `1234_7`, the array job and its index, which a worker finds in SLURM_ARRAY_JOB_ID and
 * SLURM_ARRAY_TASK_ID. A worker that Slurm starts again keeps it.
 */
export type WorkerId = string;

/** How a job ended, by Slurm's own word. */
export type End =
  | 'completed'
  | 'failed'
  | 'timeout'
  | 'preempted'
  | 'node-fail'
  | 'out-of-memory'
  | 'cancelled'
  | 'boot-fail'
  | 'deadline';

export type WorkerState =
  /** `reason`: why it waits, by Slurm's word (`Priority`). */
  | { readonly state: 'queued'; readonly reason: string }
  | { readonly state: 'running'; readonly node: string }
  /** Said by Slurm in two looks, one after the other. `words`: for people. */
  | {
      readonly state: 'ended';
      readonly end: End;
      readonly node: string | undefined;
      readonly exitCode: number | undefined;
      readonly words: string;
    }
  /** Neither success nor failure: it is waited for. `absent`: Slurm answers, and knows nothing of it. */
  | { readonly state: 'unknown'; readonly because: 'absent' | 'no-answer' | 'once'; readonly words: string };

export type Worker = WorkerState & {
  readonly id: WorkerId;
  /** `sonde-<scope>-<shape>`. */
  readonly job: string;
  /** How often Slurm has started it again: after preemption, a failed node, `scontrol requeue`. */
  readonly restarts: number;
};

export interface Wanted {
  readonly shape: Shape;
  /** So many are to be queued or running. */
  readonly workers: number;
}

/** What came of asking for workers of a shape. */
export interface Ensured {
  readonly shape: Shape;
  /** Queued or running, those submitted now among them. */
  readonly there: number;
  readonly submitted: number;
  /** Why there are fewer than wanted, for people; asked again later, it may do. */
  readonly later: string | undefined;
}

export interface ProbeHooks {
  readonly signal?: AbortSignal;
  /** Told in words, again and again, what else than the job's work is waited for. */
  onWait?(words: string): void;
}

/** The workers of one scope (a store and a run) on a cluster. */
export interface Cluster {
  /**
   * Whether compute nodes see the folder and the program: a small job looks, one for shapes with GPUs and one for those
   * without. Resolves when they have said yes; what earlier ones have said holds. Waits for their turn in the queue. Not
   * to be called where the profile says `probe: false`.
   *
   * @throws UserError `cluster` where a node does not see them, or sbatch refuses the job, in its own words
   */
  probe(shapes: readonly Shape[], hooks?: ProbeHooks): Promise<void>;
  /**
   * Sees to it that so many workers are queued or running, and submits what is missing: one array a shape, within the
   * limits. Never ends one. Gives what is there now and does not wait for more.
   *
   * @throws UserError `cluster` where sbatch refuses for good (unknown partition or account, more than any node has), or
   * ten workers in a row have failed
   */
  ensure(wanted: readonly Wanted[]): Promise<readonly Ensured[]>;
  /**
   * What has become of this scope's workers: all that the queue shows, all that this process has submitted or seen, and
   * `others`, which the caller knows from elsewhere. The queue is asked at most once in ten seconds; in between the
   * answer is that of the last look.
   */
  workers(others?: readonly WorkerId[]): Promise<readonly Worker[]>;
  /** Ends these workers, or all of the scope. Resolves when Slurm has taken it; the ends show in `workers`. */
  cancel(ids?: readonly WorkerId[]): Promise<void>;
}

export interface ClusterOptions {
  readonly profile: Profile;
  /** Names who asks, a store and a run: with the shape it makes the name of the jobs, by which they are found again. */
  readonly scope: string;
  /** In a file system that compute nodes share with this machine: `logs/1234_7.log`, and what the probe leaves. */
  readonly folder: string;
  /** The folder that workers start in. */
  readonly cwd: string;
  /** The command line of a worker of this shape; its first word is a program by its path. */
  command(shape: Shape): readonly string[];
  /** Least milliseconds between two calls of sbatch (1000), and between two looks at the queue (10,000). */
  readonly pace?: { readonly submit: number; readonly look: number };
}
