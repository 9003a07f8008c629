import { isRecord } from '@sonde/base';
import type { Key, Lease, ResultRecord, Store } from '@sonde/store';
import type { Backend, Place } from '../backends/backend.ts';
import { NotComputed, TaskFailure } from '../failure.ts';
import { attempt } from './attempt.ts';
import type { Away } from './away.ts';
import type { Emit } from './events.ts';
import { publish } from './publish.ts';
import { wholeResult } from './reader.ts';
import type { Stop } from './stop.ts';
import type { Done, Unit, UnitResult } from './unit.ts';

/** The keys that this run computes, or has computed: none twice. */
export interface Units {
  /** Computes a unit's key, or waits for whoever does: another task of this run, or another run. */
  compute(unit: Unit): Promise<UnitResult>;
  /** Its result is damaged: it is computed again when it is next asked for. */
  forget(key: Key): void;
}

export interface UnitsOptions {
  readonly run: string;
  readonly store: Store;
  readonly backend: Backend;
  readonly stop: Stop;
  readonly emit: Emit;
  /** Has work done by other processes. */
  readonly away?: Away;
}

export function createUnits(options: UnitsOptions): Units {
  const units = new Map<Key, { readonly result: Promise<UnitResult>; readonly inputs: readonly string[] }>();
  return {
    compute(unit) {
      const running = units.get(unit.key);
      if (running !== undefined) {
        return running.result.then(
          ({ record }) => ({ record, hit: true, seconds: 0 }),
          (error: unknown) => {
            throw error instanceof TaskFailure ? failureFor(unit, running.inputs, error) : error;
          },
        );
      }
      const result = options.away?.takes(unit) === true ? options.away.compute(unit) : compute(options, unit);
      units.set(unit.key, { result, inputs: inputsOf(unit) });
      result.catch(() => units.delete(unit.key));
      return result;
    },
    forget: (key) => void units.delete(key),
  };
}

function inputsOf(unit: Unit): readonly string[] {
  const { inputs } = unit.notes();
  return isRecord(inputs) ? Object.values(inputs).map(String) : [];
}

/** What another task's failure means for this one, which has the same bytes from elsewhere. */
function failureFor(unit: Unit, others: readonly string[], { failure, trace }: TaskFailure): TaskFailure {
  const own = inputsOf(unit).filter((input) => !others.includes(input));
  if (own.length === 0) return new TaskFailure(failure, trace);
  const message = `${failure.message}\nHere the same bytes come from ${own.join(', ')}.`;
  return new TaskFailure({ ...failure, message }, trace);
}

/** What became of a turn. While another run holds the key, the place is not kept waiting. */
type Turn =
  | { readonly outcome: 'hit'; readonly record: ResultRecord }
  | { readonly outcome: 'done'; readonly done: Done }
  | { readonly outcome: 'wait'; readonly acquiring: Promise<Lease> };

/** The right to compute the key, as soon as this run has it. */
interface Held {
  lease?: Lease;
}

async function compute(options: UnitsOptions, unit: Unit): Promise<UnitResult> {
  const held: Held = {};
  try {
    for (;;) {
      const turn = await options.backend.lend(unit.needs, (place) => takeTurn(options, unit, place, held));
      if (turn.outcome === 'hit') return { record: turn.record, hit: true, seconds: 0 };
      if (turn.outcome === 'done') {
        return { record: await publish(options, unit, turn.done), hit: false, seconds: turn.done.seconds };
      }
      held.lease = await turn.acquiring;
      const record = await storedMeanwhile(options, unit);
      if (record !== undefined) return { record, hit: true, seconds: 0 };
    }
  } finally {
    await held.lease?.release();
  }
}

async function takeTurn(options: UnitsOptions, unit: Unit, place: Place, held: Held): Promise<Turn> {
  if (options.stop.reason !== undefined || unit.isPointless()) throw new NotComputed();
  if (held.lease === undefined) {
    let noteWait = () => {};
    const waits = new Promise<undefined>((resolve) => {
      noteWait = () => resolve(undefined);
    });
    const acquiring = acquire(options, unit, () => noteWait());
    const lease = await Promise.race([acquiring, waits]);
    if (lease === undefined) return { outcome: 'wait', acquiring };
    held.lease = lease;
    const record = await storedMeanwhile(options, unit);
    if (record !== undefined) return { outcome: 'hit', record };
  }
  return { outcome: 'done', done: await attemptTelling(options, unit, place, held.lease) };
}

async function attemptTelling(options: UnitsOptions, unit: Unit, place: Place, lease: Lease): Promise<Done> {
  try {
    return await attempt(options, unit, place, lease);
  } catch (error) {
    if (error instanceof TaskFailure) unit.onFailure(error.failure);
    throw error;
  }
}

/** Computes a unit whose lease is had already. Who has lost it meanwhile writes nothing: another does the work. */
export async function computeHeld(options: UnitsOptions, unit: Unit, lease: Lease): Promise<UnitResult> {
  const stored = await storedMeanwhile(options, unit);
  if (stored !== undefined) return { record: stored, hit: true, seconds: 0 };
  const done = await options.backend.lend(unit.needs, (place) => attemptTelling(options, unit, place, lease));
  if (lease.lost.aborted) {
    await options.store.removeScratch(done.folder);
    throw new NotComputed();
  }
  return { record: await publish(options, unit, done), hit: false, seconds: done.seconds };
}

async function storedMeanwhile({ store }: UnitsOptions, { task, key, force }: Unit): Promise<ResultRecord | undefined> {
  return force ? undefined : wholeResult(store, task, key);
}

async function acquire({ run, store, stop, emit }: UnitsOptions, unit: Unit, onWait: () => void): Promise<Lease> {
  const { id: task, step } = unit.task;
  try {
    return await store.leases.acquire(unit.key, {
      holder: `run ${run}`,
      signal: stop.signal,
      onWait: (holder) => {
        emit({ event: 'task.waiting', task, step, key: unit.key, holder });
        onWait();
      },
    });
  } catch (error) {
    throw stop.signal.aborted ? new NotComputed() : error;
  }
}
