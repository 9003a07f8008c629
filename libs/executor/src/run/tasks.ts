import { memo } from '@sonde/base';
import type { TaskId, TaskNode } from '@sonde/pipeline';
import { BlobDamaged } from '@sonde/store';
import { type Decision, decide } from '../decide/decide.ts';
import type { Prepared } from '../decide/prepare.ts';
import { asTaskFailure, NotComputed, TaskFailure } from '../failure.ts';
import type { Counts, Failure } from './events.ts';
import type { Execution } from './execution.ts';
import { computeTask, stopAfter } from './task-run.ts';

export interface TasksResult {
  readonly counts: Counts;
  readonly failures: ReadonlyMap<TaskId, Failure>;
}

/**
 * Takes every task to its end, each after those it needs: cached, ran, failed or skipped. `trace` is given the stack
 * of an unforeseen error.
 */
export async function runTasks(
  base: Omit<Execution, 'repair'>,
  { tasks, context, decisions }: Prepared,
  trace: (task: TaskId, stack: string) => void,
): Promise<TasksResult> {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const endings = new Map<TaskId, keyof Counts>();
  const failures = new Map<TaskId, Failure>();
  const skippedBecause = new Map<TaskId, readonly TaskId[]>();
  const repairs = new Map<TaskId, Promise<void>>();
  const execution: Execution = { ...base, repair: (id) => memo(repairs, id, () => repair(byId.get(id)!)) };
  const { stop, records, emit } = execution;

  const settle = async (task: TaskNode): Promise<void> => {
    const because = new Set(
      task.needs.flatMap((id) => (endings.get(id) === 'failed' ? [id] : (skippedBecause.get(id) ?? []))),
    );
    if (because.size > 0 || task.needs.some((id) => endings.get(id) === 'skipped')) {
      skip(task, [...because]);
      return;
    }
    try {
      await bringAbout(task, await currentDecision(task));
    } catch (error) {
      conclude(task, error);
    }
  };

  /** The plan's decision, unless it was not known then or an input has been computed again since. */
  const currentDecision = (task: TaskNode): Decision | Promise<Decision> => {
    const planned = decisions.get(task.id)!;
    const stands = planned.state !== 'unknown' && !task.needs.some((id) => repairs.has(id));
    return stands ? planned : decide(task, (id) => records.get(id), context);
  };

  const bringAbout = async (task: TaskNode, decision: Decision): Promise<void> => {
    const { id, step } = task;
    if (decision.state === 'unknown') {
      throw new NotComputed(decision.reason.code === 'upstream' ? decision.reason.tasks : []);
    }
    const { key } = decision;
    if (decision.state === 'cached') {
      records.set(id, decision.record);
      endings.set(id, 'cached');
      emit({ event: 'task.cached', task: id, step, key });
      return;
    }
    if (stop.reason !== undefined) throw new NotComputed();
    const { record, ran, seconds } = await computeTask(execution, task, decision);
    records.set(id, record);
    endings.set(id, ran ? 'ran' : 'cached');
    if (ran) {
      const outputs = Object.entries(record.outputs).map(([name, artifact]) => [name, artifact.digest]);
      emit({ event: 'task.finished', task: id, step, key: record.key, seconds, outputs: Object.fromEntries(outputs) });
    } else {
      emit({ event: 'task.cached', task: id, step, key: record.key });
    }
  };

  const conclude = (task: TaskNode, error: unknown): void => {
    if (error instanceof NotComputed) {
      skip(task, error.because.length > 0 ? error.because : stop.because);
      return;
    }
    const { failure, trace: stack } = asTaskFailure(error);
    failures.set(task.id, failure);
    endings.set(task.id, 'failed');
    records.delete(task.id);
    stopAfter(execution, task.id, failure);
    emit({ event: 'task.failed', task: task.id, step: task.step, failure });
    if (stack !== undefined) trace(task.id, stack);
  };

  const skip = (task: TaskNode, because: readonly TaskId[]): void => {
    endings.set(task.id, 'skipped');
    skippedBecause.set(task.id, because);
    emit({ event: 'task.skipped', task: task.id, step: task.step, because });
  };

  const repair = async (task: TaskNode): Promise<void> => {
    const message = 'Bytes of its stored result are missing or damaged; it is computed again.';
    emit({ event: 'task.log', task: task.id, step: task.step, level: 'warning', message });
    const damaged = records.get(task.id);
    if (damaged !== undefined) execution.units.delete(damaged.key);
    try {
      await bringAbout(task, await decide(task, (id) => records.get(id), context));
    } catch (error) {
      conclude(task, error);
      records.delete(task.id);
      throw new NotComputed([task.id]);
    }
  };

  /** The tasks of which the caller will read something that is missing or bad; what is bad is set aside. */
  const damagedExports = async (): Promise<TaskId[]> => {
    const damaged = new Set<TaskId>();
    const check = async ({ task, output }: { readonly task: TaskId; readonly output: string }) => {
      const record = records.get(task);
      const artifact = record?.outputs[output];
      // What this run has just written it has also just read.
      if (artifact === undefined || record?.run === execution.run) return;
      try {
        await execution.reading.add(() => execution.store.artifacts.check(artifact));
      } catch (error) {
        if (!(error instanceof BlobDamaged)) conclude(byId.get(task)!, error);
        else damaged.add(task);
      }
    };
    await Promise.all((execution.options.exports ?? []).map(check));
    return [...damaged];
  };

  /** Computes again what the caller is to read and is damaged, each task at most once. */
  const healExports = async (): Promise<void> => {
    for (let damaged = await damagedExports(); damaged.length > 0; damaged = await damagedExports()) {
      for (const id of damaged.filter((other) => repairs.has(other))) {
        const message = 'Its stored result is damaged again after it was computed anew.';
        const hint = 'See whether the disk of the store is well.';
        conclude(byId.get(id)!, new TaskFailure({ code: 'corrupt', message, hint }));
      }
      await Promise.allSettled(damaged.map((id) => execution.repair(id)));
      await catchUp();
    }
  };

  /** Where a repair gave other bytes than the damaged ones, what was made of those is decided anew. */
  const catchUp = async (): Promise<void> => {
    const changed = new Set<TaskId>();
    for (const task of tasks) {
      const had = records.get(task.id);
      if (had === undefined || !task.needs.some((id) => repairs.has(id) || changed.has(id))) continue;
      const decision = await decide(task, (id) => records.get(id), context);
      if (decision.state === 'unknown' || decision.key === had.key) continue;
      changed.add(task.id);
      try {
        await bringAbout(task, decision);
      } catch (error) {
        conclude(task, error);
        records.delete(task.id);
      }
    }
  };

  const settled = new Map<TaskId, Promise<void>>();
  for (const task of tasks) {
    const before = Promise.all(task.needs.map((id) => settled.get(id)));
    settled.set(
      task.id,
      before.then(() => settle(task)),
    );
  }
  await Promise.all(settled.values());
  await catchUp();
  await healExports();

  const counts = { cached: 0, ran: 0, failed: 0, skipped: 0 };
  for (const ending of endings.values()) counts[ending]++;
  return { counts, failures };
}
