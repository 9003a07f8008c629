import type { TaskId } from '@sonde/pipeline';
import type { DeviceHolder } from '../backends/backend.ts';
import type { Reason } from '../decide/reason.ts';
import type { Failure } from '../failure.ts';

export type Counts = {
  readonly cached: number;
  readonly ran: number;
  readonly failed: number;
  readonly skipped: number;
};

export type RunEvent = { readonly time: string } & (
  | {
      readonly event: 'run.started';
      readonly run: string;
      readonly pipeline: string;
      readonly store: string;
      readonly tasks: number;
    }
  /** A revision that can move stands for this commit. Comes before `run.started`. */
  | {
      readonly event: 'data.resolved';
      readonly ref: string;
      readonly commit: string;
      /** Who says so: the hub now, `sonde.lock`, or the hub's cache where the network is forbidden. */
      readonly from: 'hub' | 'lock' | 'cache';
    }
  /** Bytes here, of all. The first says that a download starts. */
  | { readonly event: 'data.progress'; readonly ref: string; readonly done: number; readonly total: number }
  /** A request did not succeed and is made again after so many seconds. */
  | { readonly event: 'data.retrying'; readonly ref: string; readonly message: string; readonly seconds: number }
  /** All of it is here, and checked. */
  | { readonly event: 'data.fetched'; readonly ref: string; readonly bytes: number; readonly seconds: number }
  | { readonly event: 'task.cached'; readonly task: TaskId; readonly step: string; readonly key: string }
  | {
      readonly event: 'task.started';
      readonly task: TaskId;
      readonly step: string;
      readonly key: string;
      readonly reason: Reason;
      readonly device: string;
      readonly attempt: number;
    }
  /** Ready, and given to workers of this shape. */
  | {
      readonly event: 'task.queued';
      readonly task: TaskId;
      readonly step: string;
      readonly key: string;
      readonly shape: string;
    }
  | {
      readonly event: 'task.waiting';
      readonly task: TaskId;
      readonly step: string;
      readonly key: string;
      readonly holder: string;
    }
  /** There is work for a device, but another process of this machine has it. */
  | { readonly event: 'device.waiting'; readonly device: string; readonly holder: DeviceHolder }
  | {
      readonly event: 'task.progress';
      readonly task: TaskId;
      readonly step: string;
      readonly done: number;
      readonly total: number;
      readonly unit: string;
    }
  | {
      readonly event: 'task.log';
      readonly task: TaskId;
      readonly step: string;
      readonly level: 'info' | 'warning';
      readonly message: string;
    }
  | {
      readonly event: 'task.retrying';
      readonly task: TaskId;
      readonly step: string;
      readonly attempt: number;
      readonly failure: Failure;
    }
  | {
      readonly event: 'task.finished';
      readonly task: TaskId;
      readonly step: string;
      readonly key: string;
      /** What the workers of this run spent on it, all shards together; waiting does not count. */
      readonly seconds: number;
      readonly outputs: Readonly<Record<string, string>>;
    }
  | { readonly event: 'task.failed'; readonly task: TaskId; readonly step: string; readonly failure: Failure }
  | {
      readonly event: 'task.skipped';
      readonly task: TaskId;
      readonly step: string;
      readonly because: readonly TaskId[];
    }
  | {
      readonly event: 'run.finished';
      readonly run: string;
      readonly status: 'succeeded' | 'failed' | 'interrupted';
      readonly counts: Counts;
      readonly seconds: number;
    }
);

type WithoutTime<E> = E extends RunEvent ? Omit<E, 'time'> : never;

/** Tells the reader of the run, and its log, what has happened now. */
export type Emit = (event: WithoutTime<RunEvent>) => void;
