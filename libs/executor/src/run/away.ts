import { setTimeout as delay } from 'node:timers/promises';
import { groupBy } from '@sonde/base';
import { resourcesAfter } from '@sonde/pipeline';
import type { Key, OrderName, ResultRecord, RunSummary, Store } from '@sonde/store';
import PQueue from 'p-queue';
import { asTaskFailure, type Failure, isRetryable, NotComputed, TaskFailure } from '../failure.ts';
import type { Demand, Launcher } from '../spool/launcher.ts';
import { answers, type LiveState, type Order, type OrderEnd, orderNameOf, orderOf } from '../spool/order.ts';
import { readShape, shapeName, shapeOf } from '../spool/shape.ts';
import { shortagesIn } from './attempt.ts';
import type { Emit } from './events.ts';
import { wholeResult } from './reader.ts';
import type { Stop } from './stop.ts';
import type { Unit, UnitResult } from './unit.ts';

/** Has units computed by other processes, which find an order in the store and leave the result there. */
export interface Away {
  /** Whether the unit is given away at all. */
  takes(unit: Unit): boolean;
  /** Waits for its result, whoever computes it. */
  compute(unit: Unit): Promise<UnitResult>;
  /** Ends the waiting; orders that are left stay. */
  close(): void;
}

export interface AwayOptions {
  /** Starts workers; without one, somebody starts them by hand. */
  readonly launcher?: Launcher;
  /** Digests of the modules that give step kinds: a worker must have the same. */
  readonly modules?: readonly string[];
  /** Small tasks of the CPU are not given away. Default: true. */
  readonly lightHere?: boolean;
  /** What becomes of the work when the run is interrupted: it goes on, or its orders are taken back. Default: `leave`. */
  readonly onInterrupt?: () => 'leave' | 'cancel';
  /** Told of each result that others have put into the store. */
  readonly onResult?: (record: ResultRecord) => void;
  /** Told of what a person should know. */
  readonly onNote?: (message: string) => void;
  /**
   * For how long a result may be invisible here after its order has gone: network file systems show what is new on
   * another host only after a while. Then the order is written again. Default: 90.
   */
  readonly patienceSeconds?: number;
}

interface AwayContext extends AwayOptions {
  readonly run: string;
  readonly store: Store;
  readonly stop: Stop;
  readonly emit: Emit;
}

/** A unit whose order lies in the store. */
interface Waiting {
  readonly unit: Unit;
  name: OrderName;
  /** The order's; one that another run wrote first is joined. */
  order: Pick<Order, 'id' | 'run' | 'force'>;
  /** Of attempts before, with less than there is now. */
  readonly failures: Failure[];
  /** Somebody is, or was, at work on it. */
  begun: boolean;
  /** The number of the last line that was told. */
  told: number;
  progress: string;
  /** Since when its order is gone. */
  goneSince?: number;
  resolve(result: UnitResult): void;
  reject(error: unknown): void;
}

/** Files that are written or read at a time. */
const AT_ONCE = 8;
/** What is at work is asked about so many orders a look, in turn. */
const LIVE_A_LOOK = 64;
/** Of runs whose orders nobody waits for any more. */
const OVER: ReadonlySet<RunSummary['status']> = new Set(['succeeded', 'failed', 'interrupted', 'died']);
const SHORTEST_PAUSE = 300;
const LONGEST_PAUSE = 5000;
/** A pause is so many times as long as the look before it: looking takes no more than a fiftieth of the time. */
const PAUSE_FOR_LOOK = 50;
const LAUNCH_EVERY = 10_000;

export function createAway(context: AwayContext): Away {
  const { run, store, stop, emit, launcher, modules = [], lightHere = true, patienceSeconds = 90 } = context;
  const { spool } = store;
  const waiting = new Map<Key, Waiting>();
  const files = new PQueue({ concurrency: AT_ONCE });
  const notes = new Set<string>();
  let isLooking = false;
  let known: { readonly at: number; readonly names: Promise<Map<Key, OrderName>> } | undefined;
  let nextLaunch = 0;
  let wake = new AbortController();
  let closed = false;

  /** The orders of all shapes by key, as they were a moment ago. */
  function ordersKnown(): Promise<Map<Key, OrderName>> {
    if (known === undefined || performance.now() - known.at > 1000) {
      known = { at: performance.now(), names: allOrders(store) };
    }
    return known.names;
  }

  async function send(unit: Unit, failures: readonly Failure[]): Promise<Pick<Waiting, 'name' | 'order'>> {
    const { resources, ...timeout } = resourcesAfter(unit.task, shortagesIn(failures));
    const shape = shapeName(shapeOf(resources, unit.needs, modules));
    const there = unit.force ? undefined : (await ordersKnown()).get(unit.key);
    const joined = there === undefined ? undefined : ((await spool.read(there)) as Order | undefined);
    if (there !== undefined && joined !== undefined) {
      const { id, run: other, force } = joined;
      const { id: task, step } = unit.task;
      emit({ event: 'task.waiting', task, step, key: unit.key, holder: `an order of run ${other}` });
      return { name: there, order: { id, run: other, force } };
    }
    const name = orderNameOf(unit, shape);
    const order = orderOf(unit, { ...unit.limits, ...timeout }, run, store.dir);
    await spool.put(name, order);
    emit({ event: 'task.queued', task: unit.task.id, step: unit.task.step, key: unit.key, shape });
    return { name, order: { id: order.id, run, force: unit.force } };
  }

  async function look(): Promise<void> {
    while (!closed && waiting.size > 0) {
      const reason = stop.reason;
      if (reason !== undefined) await takeBack();
      const began = performance.now();
      await lookOnce();
      const took = performance.now() - began;
      const pause = Math.min(Math.max(SHORTEST_PAUSE, took * PAUSE_FOR_LOOK), LONGEST_PAUSE);
      if (stop.reason !== reason) continue;
      wake = new AbortController();
      await delay(pause, undefined, { signal: wake.signal }).catch(() => {});
    }
  }

  async function keepLooking(): Promise<void> {
    isLooking = true;
    try {
      await look();
    } catch (error) {
      for (const each of waiting.values()) each.reject(error);
      waiting.clear();
    }
    isLooking = false;
  }

  async function lookOnce(): Promise<void> {
    // Those that are sent while this look goes on, perhaps of other shapes, are for the next one.
    const sent = [...waiting.values()];
    const shapes = new Set(sent.map(({ name }) => name.shape));
    const present = new Map<string, ReadonlySet<Key>>();
    for (const shape of shapes) present.set(shape, new Set((await spool.list(shape)).map(({ key }) => key)));
    await readLive();
    const gone: Waiting[] = [];
    for (const each of sent) {
      if (!present.get(each.name.shape)!.has(each.name.key)) gone.push(each);
      else delete each.goneSince;
      if (!each.begun && each.unit.isPointless()) await giveUp(each);
    }
    await Promise.all(gone.map((each) => files.add(() => settle(each))));
    await launch(present);
  }

  let liveTurn = 0;
  async function readLive(): Promise<void> {
    const keys = [...(await spool.live())].filter((key) => waiting.has(key));
    const count = Math.min(keys.length, LIVE_A_LOOK);
    for (let index = 0; index < count; index++) {
      const key = keys[(liveTurn + index) % keys.length]!;
      const state = (await spool.readLive(key)) as LiveState | undefined;
      const each = waiting.get(key);
      if (state !== undefined && each !== undefined) follow(each, state);
    }
    liveTurn += count;
  }

  function follow(each: Waiting, { order: id, device, attempt, progress, said, host, job }: LiveState): void {
    const { unit, order } = each;
    // What a lost worker has left of an earlier order is no news of this one.
    if (device === undefined || id !== order.id) return;
    each.begun = true;
    if (order.run === run) unit.onStart(placeName(device, host, job), attempt);
    tell(each, said);
    if (progress === undefined) return;
    const { done, total, unit: what } = progress;
    const text = `${done}/${total} ${what}`;
    if (text !== each.progress) unit.listener.progress(done, total, what);
    each.progress = text;
  }

  function tell(each: Waiting, said: OrderEnd['said']): void {
    for (const { number, level, message } of said) {
      if (number <= each.told) continue;
      each.told = number;
      each.unit.listener.log(level, message);
    }
  }

  /** The order is gone: its result is there, or how it failed, or soon will be. */
  async function settle(each: Waiting): Promise<void> {
    const { unit, order } = each;
    const { key } = unit;
    const record = await wholeResult(store, unit.task, key);
    const end = (await spool.readEnd(key)) as OrderEnd | undefined;
    if (!waiting.has(key)) return;
    if (end !== undefined) tell(each, end.said);
    if (end?.failure !== undefined) {
      if (await tryWithMore(each, end.failure)) return;
      waiting.delete(key);
      unit.onFailure(end.failure);
      each.reject(new TaskFailure(end.failure, end.trace));
      return;
    }
    if (record !== undefined && answers(record, order)) {
      waiting.delete(key);
      context.onResult?.(record);
      each.resolve(resultOf(each, record));
      return;
    }
    each.goneSince ??= performance.now();
    if (performance.now() - each.goneSince < patienceSeconds * 1000) return;
    delete each.goneSince;
    known = undefined;
    Object.assign(each, await send(unit, each.failures));
  }

  /** Where the step says what is to be had more of after a failure, its retries are other orders. */
  async function tryWithMore(each: Waiting, failure: Failure): Promise<boolean> {
    const { unit, failures } = each;
    const { id: task, step, onFailure, retries } = unit.task;
    if (onFailure === undefined || failures.length >= retries || !isRetryable(failure)) return false;
    if (stop.reason !== undefined) return false;
    failures.push(failure);
    emit({ event: 'task.retrying', task, step, attempt: failures.length + 1, failure });
    known = undefined;
    Object.assign(each, await send(unit, failures), { told: 0 });
    return true;
  }

  function resultOf({ unit }: Waiting, record: ResultRecord): UnitResult {
    if (record.run !== run) return { record, hit: true, seconds: 0 };
    const { device, host, job } = record.notes ?? {};
    unit.onStart(placeName(String(device), String(host), typeof job === 'string' ? job : undefined), 1);
    return { record, hit: false, seconds: Math.max(0, record.seconds - unit.secondsBefore) };
  }

  /** Takes an order of this run back that nobody has begun, or one of a run that is over. */
  async function giveUp(
    each: Waiting,
    over: ReadonlySet<string> = new Set(),
    why: Error = new NotComputed(),
  ): Promise<void> {
    if (!waiting.delete(each.unit.key)) return;
    if (each.order.run === run || over.has(each.order.run)) {
      await spool.remove(each.name);
      // What the last worker left for the next one; a worker that is at it removes its own.
      await spool.writeLive(each.unit.key, undefined);
    }
    each.reject(why);
  }

  /** What a run that is over has left is this one's, too, once it waits for it: nobody else does. */
  async function runsOver(): Promise<ReadonlySet<string>> {
    return new Set((await store.runs.list()).filter(({ status }) => OVER.has(status)).map(({ id }) => id));
  }

  /** The run stops: after a failure what is at work may finish; interrupted, all of it is left or cancelled. */
  async function takeBack(): Promise<void> {
    if (stop.reason === 'interrupted') {
      if (context.onInterrupt?.() === 'cancel') {
        const over = await runsOver();
        await Promise.all([...waiting.values()].map((each) => files.add(() => giveUp(each, over))));
        await launcher?.cancel();
        return;
      }
      for (const each of waiting.values()) each.reject(new NotComputed());
      waiting.clear();
      return;
    }
    await readLive();
    await Promise.all([...waiting.values()].filter(({ begun }) => !begun).map((each) => files.add(() => giveUp(each))));
  }

  async function launch(present: ReadonlyMap<string, ReadonlySet<Key>>): Promise<void> {
    if (launcher === undefined || waiting.size === 0 || performance.now() < nextLaunch) return;
    nextLaunch = performance.now() + LAUNCH_EVERY;
    // What others have left there, and nobody waits for, is not worth a worker: it may be of another version.
    const wanted = [...waiting.values()].filter(({ name }) => present.get(name.shape)?.has(name.key));
    const demand = [...groupBy(wanted, ({ name }) => name.shape)].flatMap(([name, orders]): Demand[] => {
      const shape = readShape(name);
      return shape === undefined ? [] : [{ name, shape, orders: orders.length }];
    });
    try {
      for (const note of await launcher.want(demand)) {
        if (notes.has(note)) continue;
        notes.add(note);
        context.onNote?.(note);
      }
    } catch (error) {
      const failed = asTaskFailure(error);
      const over = await runsOver();
      for (const each of [...waiting.values()]) {
        each.unit.onFailure(failed.failure);
        await giveUp(each, over, failed);
      }
    }
  }

  const onStop = () => wake.abort();
  stop.signal.addEventListener('abort', onStop);

  return {
    takes: (unit) => !(lightHere && (unit.light || unit.needs.completes)),
    async compute(unit) {
      const sent = await files.add(() => {
        if (stop.reason !== undefined || unit.isPointless()) throw new NotComputed();
        return send(unit, []);
      });
      const result = new Promise<UnitResult>((resolve, reject) => {
        waiting.set(unit.key, { unit, ...sent, failures: [], begun: false, told: 0, progress: '', resolve, reject });
      });
      if (!isLooking) void keepLooking();
      return result;
    },
    close() {
      closed = true;
      stop.signal.removeEventListener('abort', onStop);
      wake.abort();
    },
  };
}

function placeName(device: string, host: string, job: string | undefined): string {
  return `${device} on ${host}${job === undefined ? '' : ` (job ${job})`}`;
}

async function allOrders({ spool }: Store): Promise<Map<Key, OrderName>> {
  const orders = new Map<Key, OrderName>();
  for (const shape of await spool.shapes()) for (const name of await spool.list(shape)) orders.set(name.key, name);
  return orders;
}
