import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '@sonde/base';
import type { TaskNode } from '@sonde/pipeline';
import { type Key, type Lease, type ResultRecord, type StoredArtifact, StoreError } from '@sonde/store';
import type { Job } from '../backends/local/messages.ts';
import type { Seat } from '../backends/local/pool.ts';
import type { JobListener } from '../backends/local/worker.ts';
import { damagedOutputs } from '../decide/inputs.ts';
import { isRetryable, NotComputed, TaskFailure } from '../failure.ts';
import type { Device, Provider } from '../step.ts';
import type { Failure } from './events.ts';
import type { Execution, UnitResult } from './execution.ts';

/** One key to compute: a whole task, a shard of one, or the joining of its shards. */
export interface Unit {
  readonly task: TaskNode;
  readonly key: Key;
  readonly fingerprint: JsonObject;
  readonly rank: number;
  /** Whose workers compute it. */
  readonly provider: Provider;
  readonly affinity: string | undefined;
  /** Starts programs that the pipeline brings. */
  readonly runsCode: boolean;
  /** Joins the shards of its task. */
  readonly completes: boolean;
  /** Whether a worker has begun with its task. */
  readonly isBegun: () => boolean;
  /** Compute it even if the store has it (`--refresh`). */
  readonly force: boolean;
  readonly listener: JobListener;
  job(place: { readonly scratch: string; readonly out: string; readonly device: Device }): Job;
  onStart(device: string, attempt: number): void;
  /** Told before a worker is free again, so that nothing that must not starts. */
  onFailure(failure: Failure): void;
  /** Whether it need no longer be started: a shard whose sister has failed. */
  isPointless(): boolean;
  /** Throws where an input from outside is no longer what the fingerprint says. */
  checkInputs(): Promise<void>;
  /** Added to the seconds of its own work: those of its shards. */
  readonly secondsBefore: number;
  notes(): JsonObject;
}

/** Computes a unit's key, or waits for whoever does: another task of this run, or another run. */
export function computeUnit(execution: Execution, unit: Unit): Promise<UnitResult> {
  const running = execution.units.get(unit.key);
  if (running !== undefined) return running.then(({ record }) => ({ record, hit: true, seconds: 0 }));
  const started = compute(execution, unit);
  execution.units.set(unit.key, started);
  started.catch(() => execution.units.delete(unit.key));
  return started;
}

/** A whole result of the store, or none. */
export async function storedResult(execution: Execution, task: TaskNode, key: Key): Promise<ResultRecord | undefined> {
  const record = await execution.store.results.get(key);
  if (record === undefined) return undefined;
  return (await damagedOutputs(task, record, execution.store)).length === 0 ? record : undefined;
}

/** What became of a turn in the queue for workers. While another run holds the key, the worker is not kept waiting. */
type Turn =
  | { readonly outcome: 'hit'; readonly record: ResultRecord }
  | { readonly outcome: 'done'; readonly folder: string; readonly seconds: number; readonly device: string }
  | { readonly outcome: 'wait'; readonly acquiring: Promise<Lease> };

async function compute(execution: Execution, unit: Unit): Promise<UnitResult> {
  const held: { lease?: Lease } = {};
  try {
    for (;;) {
      const { completes, rank, affinity, isBegun } = unit;
      const turn = await execution.laneOf(unit.provider).jobs.add(() => takeTurn(execution, unit, held), {
        completes,
        rank,
        affinity,
        isBegun,
      });
      if (turn.outcome === 'hit') return { record: turn.record, hit: true, seconds: 0 };
      if (turn.outcome === 'done') {
        return { record: await publish(execution, unit, turn), hit: false, seconds: turn.seconds };
      }
      held.lease = await turn.acquiring;
      const record = unit.force ? undefined : await storedResult(execution, unit.task, unit.key);
      if (record !== undefined) return { record, hit: true, seconds: 0 };
    }
  } finally {
    await held.lease?.release();
  }
}

async function takeTurn(execution: Execution, unit: Unit, held: { lease?: Lease }): Promise<Turn> {
  if (execution.stop.reason !== undefined || unit.isPointless()) throw new NotComputed();
  // Before anything is waited for: the next job is chosen by what the other workers have.
  const seat = execution.laneOf(unit.provider).pool.take(unit.affinity, unit.runsCode);
  try {
    return await workAt(seat, execution, unit, held);
  } finally {
    seat.leave();
  }
}

async function workAt(seat: Seat, execution: Execution, unit: Unit, held: { lease?: Lease }): Promise<Turn> {
  if (held.lease === undefined) {
    let noteWait = () => {};
    const waits = new Promise<undefined>((resolve) => {
      noteWait = () => resolve(undefined);
    });
    const acquiring = acquire(execution, unit, () => noteWait());
    const lease = await Promise.race([acquiring, waits]);
    if (lease === undefined) return { outcome: 'wait', acquiring };
    held.lease = lease;
    const record = unit.force ? undefined : await storedResult(execution, unit.task, unit.key);
    if (record !== undefined) return { outcome: 'hit', record };
  }
  try {
    return await attempt(seat, execution, unit, held.lease);
  } catch (error) {
    if (error instanceof TaskFailure) unit.onFailure(error.failure);
    throw error;
  }
}

async function acquire(execution: Execution, unit: Unit, onWait: () => void): Promise<Lease> {
  const { id: task, step } = unit.task;
  try {
    return await execution.store.leases.acquire(unit.key, {
      holder: `run ${execution.run}`,
      signal: execution.stop.signal,
      onWait: (holder) => {
        execution.emit({ event: 'task.waiting', task, step, key: unit.key, holder });
        onWait();
      },
    });
  } catch (error) {
    throw execution.stop.signal.aborted ? new NotComputed() : error;
  }
}

/** Asked again after every wait: it changes meanwhile. */
const isInterrupted = (execution: Execution): boolean => execution.stop.reason === 'interrupted';

/** Runs the job on a worker, again as often as the step's `retries` allow. */
async function attempt(seat: Seat, execution: Execution, unit: Unit, lease: Lease): Promise<Turn> {
  const { task } = unit;
  const onLost = () => unit.listener.log('warning', 'Another run took over this work, because this one seemed dead.');
  lease.lost.addEventListener('abort', onLost, { once: true });
  try {
    for (let number = 1; ; number++) {
      await unit.checkInputs();
      const folder = await execution.store.scratch();
      const place = { scratch: join(folder, 'scratch'), out: join(folder, 'out') };
      await Promise.all([mkdir(place.scratch), mkdir(place.out)]);
      if (isInterrupted(execution)) throw new NotComputed();
      const worker = seat.worker();
      const { name: device } = worker.lease;
      unit.onStart(device, number);
      const started = performance.now();
      const outcome = await worker.perform(
        unit.job({ ...place, device: worker.lease.device }),
        {
          ...(task.timeoutSeconds === undefined ? {} : { timeoutSeconds: task.timeoutSeconds }),
          stallSeconds: execution.stallSeconds,
        },
        unit.listener,
      );
      const seconds = Math.round(performance.now() - started) / 1000;
      if (outcome.ok) return { outcome: 'done', folder, seconds, device };

      await execution.store.removeScratch(folder);
      if (isInterrupted(execution)) throw new NotComputed();
      await unit.checkInputs();
      if (number > task.retries || !isRetryable(outcome.failure)) throw new TaskFailure(outcome.failure, outcome.stack);
      const { id, step } = task;
      execution.emit({ event: 'task.retrying', task: id, step, attempt: number + 1, failure: outcome.failure });
    }
  } finally {
    lease.lost.removeEventListener('abort', onLost);
  }
}

/** Takes what was written into the store: the outputs first, the record last, and only if no input has changed. */
async function publish(
  execution: Execution,
  unit: Unit,
  { folder, seconds, device }: Turn & { outcome: 'done' },
): Promise<ResultRecord> {
  const { store } = execution;
  try {
    const written = await readdir(join(folder, 'out'));
    const names = Object.keys(unit.task.outputs);
    const missing = names.filter((name) => !written.includes(name));
    if (missing.length > 0) {
      throw new TaskFailure({
        code: 'output',
        message: `The step ended without writing ${missing.map((name) => `\`${name}\``).join(', ')}.`,
      });
    }
    for (const name of written.filter((other) => !names.includes(other))) {
      unit.listener.log('warning', `The step wrote \`${name}\`, which is none of its outputs; it is left out.`);
    }
    await unit.checkInputs();
    const artifacts = await Promise.all(
      names.map((name) => putOutput(execution, unit, name, join(folder, 'out', name))),
    );
    const record: ResultRecord = {
      key: unit.key,
      fingerprint: unit.fingerprint,
      outputs: Object.fromEntries(names.map((name, index) => [name, artifacts[index]!])),
      created: new Date().toISOString(),
      seconds: Math.round((unit.secondsBefore + seconds) * 1000) / 1000,
      run: execution.run,
      notes: { ...unit.notes(), device },
    };
    await store.results.put(record);
    return record;
  } finally {
    await store.removeScratch(folder);
  }
}

async function putOutput(execution: Execution, unit: Unit, name: string, path: string): Promise<StoredArtifact> {
  try {
    return await execution.store.artifacts.put(unit.task.outputs[name]!.type, path, { move: true });
  } catch (error) {
    // About what the step wrote (an empty folder, a link), not about the store.
    if (!(error instanceof StoreError && error.code === 'io' && error.path?.startsWith(path))) throw error;
    throw new TaskFailure({ code: 'output', message: `Its output \`${name}\` cannot be kept: ${error.message}` });
  }
}
