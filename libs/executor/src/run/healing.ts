import { memo } from '@sonde/base';
import type { TaskId, TaskNode } from '@sonde/pipeline';
import { BlobDamaged, type Key } from '@sonde/store';
import type { Decision } from '../decide/decide.ts';
import { NotComputed, TaskFailure } from '../failure.ts';
import type { Emit } from './events.ts';
import type { Ledger } from './ledger.ts';
import type { ScheduleOptions } from './options.ts';
import type { Reader } from './reader.ts';

/** What is damaged in the store is computed again in the same run, each task at most once. */
export interface Healing {
  /** Computes a task again whose stored bytes turned out damaged. Rejects where that fails. */
  repair(task: TaskId): Promise<void>;
  /** Whether a task was repaired, or is being: what was decided from its result before may no longer stand. */
  isRepaired(task: TaskId): boolean;
  /** Heals what the caller is to read, and what was made of what was healed. */
  finish(exports: NonNullable<ScheduleOptions['exports']>): Promise<void>;
}

export interface HealingOptions {
  readonly run: string;
  readonly tasks: readonly TaskNode[];
  readonly ledger: Ledger;
  readonly reader: Reader;
  readonly emit: Emit;
  /** What was computed for this key does not count. */
  forget(key: Key): void;
  decideNow(task: TaskNode): Promise<Decision>;
  bringAbout(task: TaskNode, decision: Decision): Promise<void>;
  /** Takes down why a task has not been brought about. */
  conclude(task: TaskNode, error: unknown): void;
}

export function createHealing(options: HealingOptions): Healing {
  const { tasks, ledger, emit } = options;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const repairs = new Map<TaskId, Promise<void>>();

  function repair(id: TaskId): Promise<void> {
    return memo(repairs, id, () => computeAgain(byId.get(id)!));
  }

  async function computeAgain(task: TaskNode): Promise<void> {
    const message = 'Bytes of its stored result are missing or damaged; it is computed again.';
    emit({ event: 'task.log', task: task.id, step: task.step, level: 'warning', message });
    const damaged = ledger.recordOf(task.id);
    if (damaged !== undefined) options.forget(damaged.key);
    if (!(await tryToBringAbout(task, await options.decideNow(task)))) throw new NotComputed([task.id]);
  }

  async function tryToBringAbout(task: TaskNode, decision: Decision): Promise<boolean> {
    try {
      await options.bringAbout(task, decision);
      return true;
    } catch (error) {
      options.conclude(task, error);
      ledger.forget(task.id);
      return false;
    }
  }

  /** Where a repair gave other bytes than the damaged ones, what was made of those is decided anew. */
  async function catchUp(): Promise<void> {
    const changed = new Set<TaskId>();
    for (const task of tasks) {
      const had = ledger.recordOf(task.id);
      if (had === undefined || !task.needs.some((id) => repairs.has(id) || changed.has(id))) continue;
      const decision = await options.decideNow(task);
      if (decision.state === 'unknown' || decision.key === had.key) continue;
      changed.add(task.id);
      await tryToBringAbout(task, decision);
    }
  }

  async function healExports(exports: NonNullable<ScheduleOptions['exports']>): Promise<void> {
    for (let damaged = await damagedOf(exports); damaged.length > 0; damaged = await damagedOf(exports)) {
      for (const id of damaged.filter((other) => repairs.has(other))) {
        const message = 'Its stored result is damaged again after it was computed anew.';
        const hint = 'See whether the disk of the store is well.';
        options.conclude(byId.get(id)!, new TaskFailure({ code: 'corrupt', message, hint }));
      }
      await Promise.allSettled(damaged.map(repair));
      await catchUp();
    }
  }

  /** The tasks of which the caller will read something that is missing or bad; what is bad is set aside. */
  async function damagedOf(exports: NonNullable<ScheduleOptions['exports']>): Promise<TaskId[]> {
    const damaged = new Set<TaskId>();
    const check = async ({ task, output }: { readonly task: TaskId; readonly output: string }) => {
      const record = ledger.recordOf(task);
      const artifact = record?.outputs[output];
      // What this run has just written it has also just read.
      if (artifact === undefined || record?.run === options.run) return;
      try {
        await options.reader.check(artifact);
      } catch (error) {
        if (!(error instanceof BlobDamaged)) options.conclude(byId.get(task)!, error);
        else damaged.add(task);
      }
    };
    await Promise.all(exports.map(check));
    return [...damaged];
  }

  return {
    repair,
    isRepaired: (task) => repairs.has(task),
    async finish(exports) {
      await catchUp();
      await healExports(exports);
    },
  };
}
