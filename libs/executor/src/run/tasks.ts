import { isMachineFault } from '@sonde/base';
import type { TaskId, TaskNode } from '@sonde/pipeline';
import PQueue from 'p-queue';
import { type Decision, decide, kindOf } from '../decide/decide.ts';
import type { Prepared } from '../decide/prepare.ts';
import { ranks } from '../decide/select.ts';
import { asTaskFailure, type Failure, NotComputed } from '../failure.ts';
import { providerOf } from '../provider.ts';
import { ancestorsOf } from './ancestors.ts';
import { type Computing, computeTask } from './compute-task.ts';
import { createHealing, type Healing } from './healing.ts';
import type { Ledger } from './ledger.ts';
import type { ScheduleOptions } from './options.ts';
import { readInputs } from './read-inputs.ts';
import type { Reader } from './reader.ts';
import { makeReady } from './ready-task.ts';
import type { Recorder } from './recorder.ts';
import { createShards } from './shards.ts';
import type { Stop } from './stop.ts';
import type { Units } from './units.ts';

const STALL_SECONDS = 30 * 60;

export interface TasksOptions {
  readonly run: string;
  readonly prepared: Prepared;
  readonly ledger: Ledger;
  readonly units: Units;
  readonly reader: Reader;
  readonly recorder: Recorder;
  readonly stop: Stop;
}

/** Takes every task to its end, each after those it needs, and heals what turns out damaged on the way. */
export async function runTasks(
  options: TasksOptions,
  wishes: Pick<ScheduleOptions, 'keepGoing' | 'stallSeconds' | 'exports'>,
): Promise<void> {
  const { run, prepared, ledger, units, reader, recorder, stop } = options;
  const { tasks, context, decisions } = prepared;
  const { emit } = recorder;

  const healing: Healing = createHealing({
    run,
    tasks,
    ledger,
    reader,
    emit,
    forget: units.forget,
    decideNow,
    bringAbout,
    conclude,
  });
  const computing = computingOf(options, wishes, { repair: healing.repair, decideNow, stopAfter });

  function decideNow(task: TaskNode): Promise<Decision> {
    return decide(task, ledger.recordOf, context);
  }

  async function settle(task: TaskNode): Promise<void> {
    const because = ledger.blockers(task);
    if (because !== undefined) return ledger.skipped(task, because);
    try {
      // The plan's decision stands, unless it was not known then or an input has been computed again since.
      const planned = decisions.get(task.id)!;
      const stands = planned.state !== 'unknown' && !task.needs.some(healing.isRepaired);
      await bringAbout(task, stands ? planned : await decideNow(task));
    } catch (error) {
      conclude(task, error);
    }
  }

  async function bringAbout(task: TaskNode, decision: Decision): Promise<void> {
    if (decision.state === 'unknown') {
      throw new NotComputed(decision.reason.code === 'upstream' ? decision.reason.tasks : []);
    }
    if (decision.state === 'cached') return ledger.cached(task, decision.record);
    if (stop.reason !== undefined) throw new NotComputed();
    const { record, ran, seconds } = await computeTask(computing, task, decision);
    if (ran) ledger.ran(task, record, seconds);
    else ledger.cached(task, record);
  }

  function conclude(task: TaskNode, error: unknown): void {
    if (error instanceof NotComputed) {
      ledger.skipped(task, error.because.length > 0 ? error.because : stop.because);
      return;
    }
    const { failure, trace } = asTaskFailure(error);
    stopAfter(task.id, failure);
    ledger.failed(task, failure);
    if (trace !== undefined) recorder.trace(task.id, trace);
  }

  function stopAfter(task: TaskId, failure: Failure): void {
    if (isMachineFault(failure.code)) stop.set('store', task);
    else if (wishes.keepGoing !== true) stop.set('failure', task);
  }

  await inOrder(tasks, settle);
  await healing.finish(wishes.exports ?? []);
}

/** Tasks that become ready at a time: what their work will be is read from their inputs. */
const READY_AT_ONCE = 4;

/** How a task of this run is computed. */
function computingOf(
  { prepared, ledger, units, reader, recorder, stop }: TasksOptions,
  { stallSeconds = STALL_SECONDS }: Pick<ScheduleOptions, 'stallSeconds'>,
  {
    repair,
    decideNow,
    stopAfter,
  }: Pick<Healing, 'repair'> & {
    decideNow(task: TaskNode): Promise<Decision>;
    stopAfter(task: TaskId, failure: Failure): void;
  },
): Computing {
  const { tasks, context } = prepared;
  const { emit } = recorder;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const rankOf = ranks(tasks);
  const gettingReady = new PQueue({ concurrency: READY_AT_ONCE });
  return {
    units,
    shards: createShards(reader, units),
    readInputs: (task, decision) => readInputs({ reader, stop, emit, repair, decideNow }, task, decision),
    makeReady(task, inputs) {
      const kind = kindOf(task, context.kinds);
      const provider = providerOf(task, kind, context.accelerators);
      const onFailure = (failure: Failure) => stopAfter(task.id, failure);
      const rank = rankOf.get(task.id)!;
      return gettingReady.add(() => makeReady(task, inputs, { kind, provider, rank, stallSeconds, emit, onFailure }));
    },
    describe: (task) => ({ pipeline: context.pipeline, ancestors: ancestorsOf(task, byId, ledger.recordOf) }),
  };
}

/** Settles every task, each after those it needs. */
async function inOrder(tasks: readonly TaskNode[], settle: (task: TaskNode) => Promise<void>): Promise<void> {
  const settled = new Map<TaskId, Promise<void>>();
  for (const task of tasks) {
    const before = Promise.all(task.needs.map((id) => settled.get(id)));
    settled.set(
      task.id,
      before.then(() => settle(task)),
    );
  }
  await Promise.all(settled.values());
}
