import type { OrderName, Store } from '@sonde/store';
import type { Backend } from '../backends/backend.ts';
import { asTaskFailure, type Failure, NotComputed } from '../failure.ts';
import { wholeResult } from '../run/reader.ts';
import { createStop, GRACE } from '../run/stop.ts';
import { computeHeld } from '../run/units.ts';
import { answers, type HandedBack, type LiveState, type Order, type OrderEnd } from '../spool/order.ts';
import { plain } from '../spool/plain.ts';
import { readShape } from '../spool/shape.ts';
import { type LocatedInputs, locateInputs } from './inputs-of-order.ts';
import type { NodeCopies } from './node-copies.ts';
import { type Saying, type SayingOptions, startSaying } from './saying.ts';
import { unitOf } from './unit-of-order.ts';

/** How many workers may be lost with an order before it counts as failed. */
const LOSSES = 3;
/** A worker is told to end a little before its time is over. */
const MOST_OF_TIME = 0.8;
/** How a step fails whose process, or program, is sent the signal to end. */
const ENDED_BY_SIGNAL: ReadonlySet<Failure['code']> = new Set(['crash', 'program']);
/** What has had as much time as so many workers live would not be done by the next one either. */
const LIVES = 2;

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
  /** For how many seconds this worker may live, where it is told to end because they are over. */
  readonly timeIsOver?: () => Promise<number | undefined>;
  /** Whether a job of the cluster, which has ended, used more memory than it had asked for. */
  readonly ranOutOfMemory?: (job: string) => Promise<boolean>;
  /** Of checkpoints, on this machine's own disk. */
  readonly copies?: NodeCopies;
  /** Aborted: what is at work is told to stop. */
  readonly signal: AbortSignal;
  /** Whether this worker was told to end: what it is at may have been told so, too, by who ends all processes of a job. */
  isEnding(): boolean;
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
    const own = before?.order === order.id ? before : undefined;
    const lost = own?.idle === true ? undefined : own;
    const failure = lost && (await failureOfLoss(options, order, lost));
    if (lost !== undefined && failure !== undefined) {
      await close(options, name, { failure, said: lost.said });
      return 'failed';
    }
    const losses = (own?.losses ?? 0) + (lost === undefined ? 0 : 1);
    return await perform(options, name, order, lease, { losses, handedBack: own?.handedBack });
  } finally {
    await lease.release();
  }
}

async function perform(
  options: TakeOptions,
  name: OrderName,
  order: Order,
  lease: Parameters<typeof computeHeld>[2],
  before: Pick<SayingOptions, 'losses' | 'handedBack'>,
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
    ...before,
    ...(job === undefined ? {} : { job }),
    stillWanted: () => store.spool.has(name),
    onUnwanted: halt,
  });
  options.onTaken?.(order);
  const began = performance.now();
  const spent = () => (performance.now() - began) / 1000;
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
      // If the lease is lost, what is said of it is another's.
      if (lease.lost.aborted) return 'stopped';
      return options.signal.aborted
        ? giveBack(options, name, saying, order.task, { spent: spent(), ...before })
        : forget(options, name);
    }
    const { failure, trace } = asTaskFailure(error);
    if (options.isEnding() && ENDED_BY_SIGNAL.has(failure.code))
      return giveBack(options, name, saying, order.task, { spent: spent(), ...before });
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

/** It was taken back by who had asked. */
async function forget({ store }: TakeOptions, { key }: OrderName): Promise<Taken> {
  await store.spool.writeLive(key, undefined);
  return 'stopped';
}

/** A worker that is told to end gives its work back, if there is hope that another one gets it done. */
async function giveBack(
  options: TakeOptions,
  name: OrderName,
  saying: Saying,
  task: Order['task'],
  { spent, handedBack }: { readonly spent: number; readonly handedBack: HandedBack | undefined },
): Promise<Taken> {
  const life = await options.timeIsOver?.();
  const since =
    life === undefined
      ? handedBack
      : { workers: (handedBack?.workers ?? 0) + 1, seconds: (handedBack?.seconds ?? 0) + spent };
  const failure =
    outOfTime(name, task, spent) ??
    (life === undefined || since === undefined ? undefined : outlivesWorkers(since, life));
  if (failure !== undefined) {
    await close(options, name, { failure, said: saying.said() });
    return 'failed';
  }
  if (since === undefined) return forget(options, name);
  await saying.handBack(since);
  return 'stopped';
}

/** Where no step says how long its work takes, the time of workers is all that bounds it. */
function outlivesWorkers({ workers, seconds }: HandedBack, life: number): Failure | undefined {
  if (seconds < LIVES * life * MOST_OF_TIME) return undefined;
  return {
    code: 'timeout',
    message: `The time of ${workers} workers was over before it was done: it had ${Math.round(seconds)} s in all, and a worker lives ${Math.round(life)} s.`,
    hint: 'Say how long it takes with `resources: { time: … }` in its step, or let workers live longer with `time:` in slurm.yaml.',
  };
}

/** Had the work nearly all the time that its step asks for, it would not be done by the next worker either. */
function outOfTime({ shape }: OrderName, { onFailure }: Order['task'], spent: number): Failure | undefined {
  const seconds = readShape(shape)?.seconds;
  if (seconds === undefined || spent < MOST_OF_TIME * seconds) return undefined;
  return {
    code: 'timeout',
    message: `It was not done when the ${seconds} s that its step asks for were nearly over and its worker had to end.`,
    hint: `Raise \`time:\` in the resources of the step, or ${howToGetMore('time', onFailure?.time)}.`,
  };
}

/** @param factor that its step says already */
function howToGetMore(what: 'memory' | 'time', factor: number | undefined): string {
  return factor === undefined ? `say \`on_failure: { ${what}: x2 }\`` : 'let it be tried more often (`retries:`)';
}

/** What an order fails of whose worker was lost; undefined where the next one may do it as it is. */
async function failureOfLoss(
  { ranOutOfMemory, job: own }: TakeOptions,
  { task }: Order,
  { host, job, pid, device, losses }: LiveState,
): Promise<Failure | undefined> {
  const tooOften = losses + 1 >= LOSSES;
  const place = job === undefined ? `process ${pid} on ${host}` : `job ${job} on ${host}`;
  const last = `${place}${device === undefined ? '' : ` (${device})`}`;
  // A job that Slurm has started again keeps its number: of how it ended before nothing is known.
  const outOfMemory = job !== undefined && job !== own && (await ranOutOfMemory?.(job)) === true;
  if (outOfMemory && (tooOften || task.onFailure?.memory !== undefined)) {
    const many = tooOften
      ? `Each of the ${LOSSES} workers that did it was lost before it was done; the last`
      : 'Its worker';
    return {
      code: 'out-of-memory',
      message: `${many}, ${last}, used more memory than its job had asked for.`,
      hint: `Ask for more with \`memory:\` in the resources of its step, or ${howToGetMore('memory', task.onFailure?.memory)}.`,
    };
  }
  if (!tooOften) return undefined;
  return {
    code: 'crash',
    message: `Each of the ${LOSSES} workers that did it was lost before it was done; the last was ${last}.`,
    hint: 'A machine short of memory ends whole workers: ask for more with `memory:` in the resources of its step, or look into the log of that job.',
  };
}
