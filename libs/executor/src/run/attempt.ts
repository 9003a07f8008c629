import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { resourcesAfter, type Shortages, type TaskNode } from '@sonde/pipeline';
import type { Lease, Store } from '@sonde/store';
import type { Place } from '../backends/backend.ts';
import { type Failure, isRetryable, NotComputed, TaskFailure } from '../failure.ts';
import type { Emit } from './events.ts';
import type { Stop } from './stop.ts';
import type { Done, Unit } from './unit.ts';

interface Attempting {
  readonly store: Store;
  readonly stop: Stop;
  readonly emit: Emit;
}

/** Performs a unit's job, again as often as the step's `retries` allow. */
export async function attempt(run: Attempting, unit: Unit, place: Place, lease: Lease): Promise<Done> {
  const onLost = () => unit.listener.log('warning', 'Another run took over this work, because this one seemed dead.');
  lease.lost.addEventListener('abort', onLost, { once: true });
  try {
    const failures: Failure[] = [];
    for (;;) {
      const done = await attemptOnce(run, unit, place, failures);
      if ('folder' in done) return done;
      failures.push(done);
    }
  } finally {
    lease.lost.removeEventListener('abort', onLost);
  }
}

/**
 * The failure where it may be tried again.
 *
 * @param failures of the attempts before
 */
async function attemptOnce(
  run: Attempting,
  unit: Unit,
  place: Place,
  failures: readonly Failure[],
): Promise<Done | Failure> {
  const number = failures.length + 1;
  const { store, stop, emit } = run;
  const { task } = unit;
  await unit.checkInputs();
  const folder = await store.scratch();
  const paths = { scratch: join(folder, 'scratch'), out: join(folder, 'out') };
  await Promise.all([mkdir(paths.scratch), mkdir(paths.out)]);
  if (isInterrupted(stop)) throw new NotComputed();
  unit.onStart(place.device, number);
  const began = new Date().toISOString();
  const started = performance.now();
  const outcome = await place.perform(
    unit.job({ ...paths, memory: { store: store.dir, refresh: unit.force } }),
    { ...unit.limits, ...timeoutAfter(unit, failures) },
    unit.listener,
  );
  const seconds = Math.round(performance.now() - started) / 1000;
  if (outcome.ok) return { folder, out: outcome.out, began, seconds, device: place.device };

  await store.removeScratch(folder);
  if (isInterrupted(stop)) throw new NotComputed();
  await unit.checkInputs();
  if (number > task.retries || !isRetryable(outcome.failure)) throw new TaskFailure(outcome.failure, outcome.trace);
  emit({ event: 'task.retrying', task: task.id, step: task.step, attempt: number + 1, failure: outcome.failure });
  return outcome.failure;
}

function timeoutAfter({ task }: Unit, failures: readonly Failure[]): Pick<TaskNode, 'timeoutSeconds'> {
  const { timeoutSeconds } = resourcesAfter(task, shortagesIn(failures));
  return timeoutSeconds === undefined ? {} : { timeoutSeconds };
}

/** What was short in these attempts. */
export function shortagesIn(failures: readonly Failure[]): Shortages {
  const count = (code: Failure['code']) => failures.filter((failure) => failure.code === code).length;
  return { memory: count('out-of-memory'), time: count('timeout') };
}

/** Asked again after every wait: it changes meanwhile. */
function isInterrupted({ reason }: Stop): boolean {
  return reason === 'interrupted';
}
