import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lease, Store } from '@sonde/store';
import type { Place } from '../backends/backend.ts';
import { isRetryable, NotComputed, TaskFailure } from '../failure.ts';
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
    for (let number = 1; ; number++) {
      const done = await attemptOnce(run, unit, place, number);
      if (done !== undefined) return done;
    }
  } finally {
    lease.lost.removeEventListener('abort', onLost);
  }
}

/** Nothing where it has failed and may be tried again. */
async function attemptOnce(run: Attempting, unit: Unit, place: Place, number: number): Promise<Done | undefined> {
  const { store, stop, emit } = run;
  const { task } = unit;
  await unit.checkInputs();
  const folder = await store.scratch();
  const paths = { scratch: join(folder, 'scratch'), out: join(folder, 'out') };
  await Promise.all([mkdir(paths.scratch), mkdir(paths.out)]);
  if (isInterrupted(stop)) throw new NotComputed();
  unit.onStart(place.device, number);
  const started = performance.now();
  const outcome = await place.perform(
    unit.job({ ...paths, memory: { store: store.dir, refresh: unit.force } }),
    unit.limits,
    unit.listener,
  );
  const seconds = Math.round(performance.now() - started) / 1000;
  if (outcome.ok) return { folder, out: outcome.out, seconds, device: place.device };

  await store.removeScratch(folder);
  if (isInterrupted(stop)) throw new NotComputed();
  await unit.checkInputs();
  if (number > task.retries || !isRetryable(outcome.failure)) throw new TaskFailure(outcome.failure, outcome.trace);
  emit({ event: 'task.retrying', task: task.id, step: task.step, attempt: number + 1, failure: outcome.failure });
  return undefined;
}

/** Asked again after every wait: it changes meanwhile. */
function isInterrupted({ reason }: Stop): boolean {
  return reason === 'interrupted';
}
