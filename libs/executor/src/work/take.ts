import type { OrderName, Store } from '@sonde/store';
import type { Backend } from '../backends/backend.ts';
import { asTaskFailure, type Failure, NotComputed } from '../failure.ts';
import { wholeResult } from '../run/reader.ts';
import { createStop, GRACE } from '../run/stop.ts';
import { computeHeld } from '../run/units.ts';
import { answers, type LiveState, type Order, type OrderEnd } from '../spool/order.ts';
import { plain } from '../spool/plain.ts';
import { readShape } from '../spool/shape.ts';
import { type LocatedInputs, locateInputs } from './inputs-of-order.ts';
import type { NodeCopies } from './node-copies.ts';
import { type Saying, startSaying } from './saying.ts';
import { unitOf } from './unit-of-order.ts';

/** How many workers may be lost with an order before it counts as failed. */
const LOSSES = 3;
/** A worker is told to end a little before its time is over. */
const MOST_OF_TIME = 0.8;

/**
 * What became of an order: `held` by another worker, `gone` (done, or no longer wanted), `strange` to this worker, which
 * leaves it alone, `stopped` with this worker, or `done` or `failed` here.
 */
export type Taken = 'held' | 'gone' | 'strange' | 'stopped' | 'done' | 'failed';

export interface TakeOptions {
  readonly store: Store;
  readonly backend: Backend;
  /** The job of the cluster that this worker is. */
  readonly job?: string;
  /** Of checkpoints, on this machine's own disk. */
  readonly copies?: NodeCopies;
  /** Aborted: what is at work is told to stop. */
  readonly signal: AbortSignal;
  /** Whether this worker can do it as it was meant. */
  accepts(order: Order): boolean;
  /** It is this worker's: should the worker be lost now, it is known that it was. */
  onTaken?(order: Order): void;
}

/** Does one order, if nobody else does: its result, or how it failed, is in the store before the order goes. */
export async function take(options: TakeOptions, name: OrderName): Promise<Taken> {
  const { store, job } = options;
  const { spool } = store;
  const lease = await store.leases.tryAcquire(name.key, {
    holder: job === undefined ? 'a worker' : `the worker of job ${job}`,
  });
  if (lease === undefined) return 'held';
  try {
    const order = (await spool.read(name)) as Order | undefined;
    if (order === undefined) return 'gone';
    if (!options.accepts(order)) return 'strange';
    const record = await wholeResult(store, order.task, name.key);
    if (record !== undefined && answers(record, order)) {
      await close(options, name, undefined);
      return 'gone';
    }
    const before = (await spool.readLive(name.key)) as LiveState | undefined;
    const losses = before !== undefined && before.order === order.id ? before.losses + 1 : 0;
    if (losses >= LOSSES) {
      await close(options, name, { failure: lostTooOften(before!), said: before!.said });
      return 'failed';
    }
    return await perform(options, name, order, lease, losses);
  } finally {
    await lease.release();
  }
}

async function perform(
  options: TakeOptions,
  name: OrderName,
  order: Order,
  lease: Parameters<typeof computeHeld>[2],
  losses: number,
): Promise<Taken> {
  const { store, job, copies } = options;
  const stop = createStop();
  let ending: NodeJS.Timeout | undefined;
  const halt = () => {
    stop.set('interrupted');
    options.backend.abort();
    ending ??= setTimeout(() => options.backend.kill(), GRACE);
  };
  options.signal.addEventListener('abort', halt, { once: true });
  const saying = await startSaying({
    spool: store.spool,
    order,
    losses,
    ...(job === undefined ? {} : { job }),
    stillWanted: () => store.spool.has(name),
    onUnwanted: halt,
  });
  options.onTaken?.(order);
  const began = performance.now();
  let inputs: LocatedInputs | undefined;
  try {
    if (options.signal.aborted) throw new NotComputed();
    inputs = await locateInputs(order, { store, copies, listener: saying.listener, signal: stop.signal });
    const unit = unitOf(order, inputs, saying, job);
    const run = { run: order.run, store, backend: options.backend, stop, emit: (event: Told) => retell(saying, event) };
    await computeHeld(run, unit, lease);
    await saying.stop();
    const said = saying.said();
    await close(options, name, said.length === 0 ? undefined : { said });
    return 'done';
  } catch (error) {
    await saying.stop();
    if (error instanceof NotComputed) {
      const failure = options.signal.aborted ? outOfTime(name, (performance.now() - began) / 1000) : undefined;
      if (failure !== undefined && !lease.lost.aborted) {
        await close(options, name, { failure, said: saying.said() });
        return 'failed';
      }
      // Another worker goes on with it. If the lease is lost, what is said of it is another's.
      if (!lease.lost.aborted) await store.spool.writeLive(name.key, undefined);
      return 'stopped';
    }
    const { failure, trace } = asTaskFailure(error);
    await close(options, name, { failure, ...(trace === undefined ? {} : { trace }), said: saying.said() });
    return 'failed';
  } finally {
    await inputs?.release();
    options.signal.removeEventListener('abort', halt);
    clearTimeout(ending);
  }
}

type Told = Parameters<Parameters<typeof computeHeld>[0]['emit']>[0];

function retell(saying: Saying, event: Told): void {
  if (event.event !== 'task.retrying') return;
  saying.listener.log('warning', `Tried again (attempt ${event.attempt}) after: ${event.failure.message}`);
}

/** Says how it ended, where there is more to say than the result does; then the order goes. */
async function close({ store: { spool } }: TakeOptions, name: OrderName, end: OrderEnd | undefined): Promise<void> {
  if (end !== undefined) await spool.writeEnd(name.key, plain(end));
  await spool.remove(name);
  await spool.writeLive(name.key, undefined);
}

/**
 * A worker that is told to end gives its work back. Had the work nearly all the time that its step asks for, it would not
 * be done by the next one either.
 */
function outOfTime({ shape }: OrderName, spent: number): Failure | undefined {
  const seconds = readShape(shape)?.seconds;
  if (seconds === undefined || spent < MOST_OF_TIME * seconds) return undefined;
  return {
    code: 'timeout',
    message: `It was not done when the ${seconds} s that its step asks for were nearly over and its worker had to end.`,
    hint: 'Raise `time:` in the resources of the step, or say `on_failure: { time: x2 }`.',
  };
}

function lostTooOften({ host, job, pid, device }: LiveState): Failure {
  const last = job === undefined ? `process ${pid} on ${host}` : `job ${job} on ${host}`;
  return {
    code: 'crash',
    message: `Each of the ${LOSSES} workers that did it was lost before it was done; the last was ${last}${device === undefined ? '' : ` (${device})`}.`,
    hint: 'A machine short of memory ends whole workers: ask for more with `memory:` in the resources of its step, or look into the log of that job.',
  };
}
