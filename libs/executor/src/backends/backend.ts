import type { JsonValue } from '@sonde/base';
import type { Failure } from '../failure.ts';
import type { Ancestor, Memory, PipelineDescription, Provider, RunConfig } from '../step.ts';

/**
 * One piece of work: a whole task, a shard of it, or the joining of its shards. Plain data, with paths in the store's
 * file system: it can be written down, done by another process, and outlive the one that asked for it.
 */
export type Job =
  | {
      readonly type: 'run';
      readonly kind: string;
      readonly config: RunConfig;
      readonly shard?: JsonValue;
      readonly scratch: string;
      /** The folder that outputs are written into, each under its name. */
      readonly out: string;
      readonly memory?: Memory;
      readonly pipeline?: PipelineDescription;
      readonly ancestors?: readonly Ancestor[];
    }
  | {
      readonly type: 'combine';
      readonly kind: string;
      readonly config: RunConfig;
      readonly parts: readonly Readonly<Record<string, string>>[];
      readonly out: string;
    };

export interface JobLimits {
  readonly timeoutSeconds?: number;
  /** Applies where there is no timeout: a person who gives one allows silence until then. */
  readonly stallSeconds: number;
}

export interface JobListener {
  progress(done: number, total: number, unit: string): void;
  log(level: 'info' | 'warning', message: string): void;
  /** Its process has written something; `lastLines` gives the last of all that it has written. */
  wrote?(lastLines: () => string): void;
}

/** `out`: where what it wrote into its own `out` lies now; nothing that it has left going can still write there. */
export type JobOutcome =
  | { readonly ok: true; readonly out: string }
  | { readonly ok: false; readonly failure: Failure /** A defect's stack. */; readonly trace?: string };

/** What decides where a job is done, and when its turn comes. */
export interface JobNeeds {
  readonly provider: Provider;
  /** What it loads: a place that has it is preferred. */
  readonly affinity: string | undefined;
  /** How many devices it takes at once. */
  readonly devices: number;
  /** Starts programs that the pipeline brings: they are to find no secrets. */
  readonly runsCode: boolean;
  /** Completes a task (joins its shards): short, and what waits for the task waits for it. */
  readonly completes: boolean;
  /** The highest goes first; its whole part is the length of the chain behind the task. */
  readonly rank: number;
  /** Whether work on its task has begun. */
  isBegun(): boolean;
}

/** Another process of this machine that has a device, as far as it tells. */
export type DeviceHolder = {
  readonly pid?: number;
  readonly user?: string;
  /** ISO 8601. */
  readonly since?: string;
};

/** Where jobs are done, one at a time. */
export interface Place {
  /** For events and a result's notes. */
  readonly device: string;
  /** Performs the job within the limits. What goes wrong is an outcome; it does not reject. */
  perform(job: Job, limits: JobLimits, listener: JobListener): Promise<JobOutcome>;
}

/** Who does the work of a run. */
export interface Backend {
  /** Waits for the turn and lends a place for as long as `use` takes; gives what that gives. */
  lend<T>(needs: JobNeeds, use: (place: Place) => Promise<T>): Promise<T>;
  /** Tells every job under way to stop; each may still end well. */
  abort(): void;
  /** Ends every job under way at once; afterwards nothing is left of the run's work. */
  kill(): void;
}
