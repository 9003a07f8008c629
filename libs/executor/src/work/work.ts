import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import { canonicalJson, keyOf, type OrderName, type Store } from '@sonde/store';
import type { Backend } from '../backends/backend.ts';
import { createLocalBackend, type LocalOptions } from '../backends/local/backend.ts';
import type { Accelerator } from '../provider.ts';
import type { Order } from '../spool/order.ts';
import { modulesName, readShape } from '../spool/shape.ts';
import type { StepKind } from '../step.ts';
import { createNodeCopies, type ScratchOptions } from './node-copies.ts';
import { createOrderList, type OrderList } from './orders.ts';
import { type Taken, take } from './take.ts';

/** A worker that finds nothing looks again after so long, in milliseconds: sooner at first. */
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 3000;
export interface WorkOptions extends LocalOptions {
  readonly store: Store;
  readonly kinds: ReadonlyMap<string, StepKind>;
  /** Orders of this shape alone; absent: all that this machine can do. */
  readonly shape?: string;
  /** Consent to orders that run programs which a pipeline brings. */
  readonly allowCode?: boolean;
  /** Digests of the modules that gave step kinds. */
  readonly modules?: readonly string[];
  /** Ends when there was nothing to do for so long. */
  readonly idleSeconds: number;
  /** The job of a cluster that this process is. */
  readonly job?: string;
  /** For how many seconds this worker has lived and may live, where something ends it; asked when it is told to end. */
  lifetime?(): Promise<{ readonly ran: number; readonly limit: number } | undefined>;
  /** Whether another job of the cluster, which has ended, used more memory than it had asked for; asked where one is lost. */
  ranOutOfMemory?(job: string): Promise<boolean>;
  /** Where copies of checkpoints are kept for the workers of this machine; absent: they are read where they lie. */
  readonly scratch?: ScratchOptions;
  /** Aborted: nothing new is taken; what is at work gets `graceSeconds`, then is told to stop. */
  readonly signal?: AbortSignal;
  readonly graceSeconds?: number;
  /** Aborted: workers are killed at once. */
  readonly killSignal?: AbortSignal;
  onOrder?(told: OrderTold): void;
}

export interface OrderTold {
  readonly task: string;
  readonly run: string;
  readonly state: 'started' | Exclude<Taken, 'held' | 'gone' | 'strange'>;
}

export interface WorkResult {
  readonly done: number;
  readonly failed: number;
  /** Orders that this worker cannot do as they were meant: of another version, with other modules, without consent. */
  readonly strange: number;
}

/** One place of this machine that does an order at a time. */
interface Slot {
  readonly accelerator: boolean;
  readonly backend: Backend;
  /** What its last order loaded. */
  loaded: string;
}

/** Does the orders that wait in a store, until there are none for a while. */
export async function work(options: WorkOptions): Promise<WorkResult> {
  const counts = { done: 0, failed: 0, strange: 0 };
  const halt = new AbortController();
  const slots = slotsOf(options);
  const holder = options.job === undefined ? 'a worker' : `the worker of job ${options.job}`;
  const copies = options.scratch && createNodeCopies(options.scratch, options.store, holder);
  const over = new AbortController();
  const listen = (signal: AbortSignal | undefined, action: () => void) => {
    if (signal?.aborted === true) action();
    else signal?.addEventListener('abort', action, { once: true, signal: over.signal });
  };
  listen(options.signal, () => {
    const grace = delay((options.graceSeconds ?? 0) * 1000, undefined, { signal: over.signal });
    grace.then(() => halt.abort()).catch(() => {});
  });
  listen(options.killSignal, () => {
    halt.abort();
    for (const { backend } of slots) backend.kill();
  });
  let busy = 0;
  let lastTaken = performance.now();
  const lists = new Map([true, false].map((accelerator) => [accelerator, listFor(options, accelerator)]));
  try {
    await Promise.all(slots.map((slot) => workAt(slot, lists.get(slot.accelerator)!)));
  } finally {
    over.abort();
    for (const { backend } of slots) backend.kill();
    await copies?.close();
  }
  return counts;

  async function workAt(slot: Slot, list: OrderList): Promise<void> {
    let pause = FIRST_PAUSE;
    while (options.signal?.aborted !== true && !halt.signal.aborted) {
      if ((await takeNext(slot, list)) !== undefined) {
        pause = FIRST_PAUSE;
        continue;
      }
      if (busy === 0 && performance.now() - lastTaken > options.idleSeconds * 1000) return;
      const stopping = options.signal === undefined ? {} : { signal: options.signal };
      await delay(pause, undefined, stopping).catch(() => {});
      pause = Math.min(pause * 1.5, LONGEST_PAUSE);
    }
  }

  /** Undefined where there is nothing to do now. */
  async function takeNext(slot: Slot, list: OrderList): Promise<Taken | undefined> {
    const name = await list.next(slot.loaded);
    if (name !== undefined) return takeOne(slot, list, name);
    // Their holders may be dead; on another host only time tells.
    for (const held of [...list.heldByOthers()]) {
      const taken = await takeOne(slot, list, held);
      if (taken !== 'held' && taken !== 'gone') return taken;
    }
    return undefined;
  }

  async function takeOne(slot: Slot, list: OrderList, name: OrderName): Promise<Taken> {
    let order: Order | undefined;
    const taken = await take(
      {
        store: options.store,
        backend: slot.backend,
        ...(options.job === undefined ? {} : { job: options.job }),
        ...(copies === undefined ? {} : { copies }),
        timeIsOver: () => lifeOver(options),
        ...(options.ranOutOfMemory === undefined ? {} : { ranOutOfMemory: options.ranOutOfMemory }),
        signal: halt.signal,
        isEnding: () => options.signal?.aborted === true,
        accepts: (one) => accepts(options, one),
        onTaken(one) {
          order = one;
          busy += 1;
          tell(one, 'started');
        },
      },
      name,
    );
    if (taken === 'held' || taken === 'strange') list.setAside(name, taken === 'strange');
    else list.drop(name.key);
    if (taken === 'strange') counts.strange += 1;
    if (taken === 'done' || taken === 'failed') counts[taken] += 1;
    if (order !== undefined) {
      busy -= 1;
      lastTaken = performance.now();
      if (taken === 'done' || taken === 'failed' || taken === 'stopped') tell(order, taken);
    }
    slot.loaded = name.affinity === '' ? slot.loaded : name.affinity;
    return taken;
  }

  function tell({ task, run }: Order, state: OrderTold['state']): void {
    options.onOrder?.({ task: task.id, run, state });
  }
}

/** Slurm tells a job to end so many seconds before its time is over, or up to a minute sooner, and looks twice a minute. */
const NOTICE = 180;

/** The seconds of its life, where a worker that is told to end has come to the end of them. */
async function lifeOver({ lifetime }: WorkOptions): Promise<number | undefined> {
  const time = await lifetime?.();
  return time === undefined || time.ran < time.limit - NOTICE ? undefined : time.limit;
}

/**
 * One for each accelerator (or as many as the shape asks for at once), and as many as there are to be jobs on the CPU.
 *
 * @throws UserError where there is none: nothing of the shape can be done here
 */
function slotsOf(options: WorkOptions): Slot[] {
  const { jobs = availableParallelism(), threadsTotal = availableParallelism(), accelerators = [] } = options;
  const shape = options.shape === undefined ? undefined : readShape(options.shape);
  const wanted = shape?.provider;
  const gpus = Math.max(1, shape?.gpus ?? 1);
  const { workerEntry, env } = options;
  const local = { workerEntry, ...(env === undefined ? {} : { env }) };
  const onCpu = wanted === undefined || wanted === 'cpu' ? jobs : 0;
  const devices = accelerators.filter(({ provider }) => wanted === undefined || provider === wanted);
  const slot = (share: number, several: readonly Accelerator[]): Slot => ({
    accelerator: several.length > 0,
    loaded: '',
    backend: createLocalBackend(
      {
        ...local,
        jobs: 1,
        threadsTotal: Math.max(1, Math.floor(threadsTotal / share)),
        ...(several.length === 0 ? {} : { accelerators: several }),
      },
      () => {},
    ),
  });
  const groups = Math.floor(devices.length / gpus);
  if (onCpu + groups === 0) {
    throw new UserError(
      'usage',
      `work of shape ${options.shape} needs ${gpus} devices (${wanted}) at once, and this worker was given ${devices.length}`,
      'Name them: --device cuda:0,1.',
    );
  }
  return [
    ...Array.from({ length: onCpu }, () => slot(onCpu, [])),
    ...Array.from({ length: groups }, (_, index) => slot(groups, devices.slice(index * gpus, (index + 1) * gpus))),
  ];
}

function listFor(options: WorkOptions, accelerator: boolean): OrderList {
  const provider = accelerator ? options.accelerators?.[0]?.provider : 'cpu';
  const own = options.modules === undefined || options.modules.length === 0 ? undefined : modulesName(options.modules);
  return createOrderList(options.store, async () => {
    const names = options.shape === undefined ? await options.store.spool.shapes() : [options.shape];
    return names.filter((name) => {
      const shape = readShape(name);
      if (shape === undefined || (shape.code && options.allowCode !== true)) return false;
      const fits = options.shape !== undefined || shape.gpus <= 1;
      return fits && shape.provider === provider && shape.modules === own;
    });
  });
}

/** Whether what is computed here is what the order's key stands for: the same step kind, at the same revision. */
function accepts({ kinds, allowCode }: WorkOptions, { job, key, fingerprint, needs }: Order): boolean {
  const kind = kinds.get(job.kind);
  if (kind === undefined || kind.revision !== fingerprint.revision || keyOf(fingerprint) !== key) return false;
  if (needs.runsCode && allowCode !== true) return false;
  const runtime = kind.runtime?.(job.config, needs.provider);
  return canonicalJson(runtime ?? null) === canonicalJson(fingerprint.runtime ?? null);
}
