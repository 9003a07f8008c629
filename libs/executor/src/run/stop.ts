import type { TaskId } from '@sonde/pipeline';

/** How long a step that was told to stop may take to finish, in milliseconds. */
export const GRACE = 2000;

/** Why no new work is started. `store`: the store or the disk is at fault, and going on would only fail again. */
export type StopReason = 'failure' | 'interrupted' | 'store';

/** Whether the run still starts work. The first reason to stop stands, but an interruption overrides a failure. */
export interface Stop {
  readonly reason: StopReason | undefined;
  /** The tasks whose failure stops the run. */
  readonly because: readonly TaskId[];
  /** Aborts with the first reason: ends the waiting for other runs. */
  readonly signal: AbortSignal;
  set(reason: StopReason, task?: TaskId): void;
}

export function createStop(): Stop {
  const controller = new AbortController();
  let reason: StopReason | undefined;
  const because = new Set<TaskId>();
  return {
    get reason() {
      return reason;
    },
    get because() {
      return [...because];
    },
    signal: controller.signal,
    set(next, task) {
      if (task !== undefined) because.add(task);
      if (reason === undefined || next === 'interrupted') reason = next;
      controller.abort();
    },
  };
}
