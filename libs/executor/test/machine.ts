import { setImmediate as immediate } from 'node:timers/promises';
import type { Clock } from '../src/backends/local/cards.ts';
import type { DeviceLocks } from '../src/backends/local/device-locks.ts';
import { createJobQueue, type JobQueue } from '../src/backends/local/job-queue.ts';
import type { DeviceLease } from '../src/backends/local/leases.ts';
import { createPool, type WorkerPool } from '../src/backends/local/pool.ts';
import type { Worker } from '../src/backends/local/worker.ts';

export interface SimulatedJob {
  readonly name: string;
  readonly devices: number;
  /** In milliseconds of the machine's clock. */
  readonly time: number;
  readonly model?: string;
  /** When it is asked for. */
  readonly at?: number;
}

export interface Simulation {
  /** Names of jobs, as they began. */
  readonly order: readonly string[];
  /** Of the device time in which work was waiting, the part that was spent on work. */
  readonly busy: number;
  /** How often a model was loaded, by its name. */
  readonly loads: ReadonlyMap<string, number>;
  /** When the last job ended. */
  readonly end: number;
}

/** Loading a model takes so long. */
const LOAD = 5000;

/**
 * Processes that share a machine's cards, each with jobs of its own, on a clock that stands still while anything is
 * decided. Every part is the real one but the clock, the locks' sockets and what the workers do.
 */
export async function simulate(
  cards: readonly string[],
  processes: readonly (readonly SimulatedJob[])[],
): Promise<Simulation> {
  const { clock, advance } = createClock();
  const locks = locksInMemory();
  const order: string[] = [];
  const loads = new Map<string, number>();
  const inUse = new Set<string>();
  let waiting = 0;
  let [spent, idle] = [0, 0];

  const all = processes.map(async (jobs) => {
    const { queue, pool } = createProcess(cards, locks, clock);
    const ask = async (job: SimulatedJob) => {
      await clock.sleep(job.at ?? 0);
      waiting += 1;
      const needs = { affinity: job.model, devices: job.devices, completes: false, runsCode: false, rank: 1 };
      await queue.lend({ ...needs, isBegun: () => false }, async (seat) => {
        waiting -= 1;
        order.push(job.name);
        const names = seat.device.replace('cuda:', '').split(',');
        for (const name of names) {
          if (inUse.has(name)) throw new Error(`two jobs have cuda:${name}`);
          inUse.add(name);
        }
        if (names.length !== job.devices) throw new Error(`${job.name} has ${seat.device}`);
        const worker = await seat.worker();
        const loaded = worker as { has?: string };
        const isNew = job.model !== undefined && loaded.has !== job.model;
        if (isNew) loads.set(job.model, (loads.get(job.model) ?? 0) + 1);
        if (job.model !== undefined) loaded.has = job.model;
        await clock.sleep(job.time + (isNew ? LOAD : 0));
        for (const name of names) inUse.delete(name);
      });
    };
    await Promise.all(jobs.map(ask));
    pool.kill();
  });

  let over = false;
  const done = Promise.all(all).finally(() => {
    over = true;
  });
  done.catch(() => {});
  while (!over) {
    await settle();
    if (over) break;
    const passed = advance();
    if (passed === undefined) throw new Error(`nothing goes on, and ${waiting} jobs wait: ${order.join(' ')}`);
    if (waiting > 0) {
      spent += passed * cards.length;
      idle += passed * (cards.length - inUse.size);
    }
  }
  await done;
  return { order, busy: spent === 0 ? 1 : 1 - idle / spent, loads, end: clock.now() };
}

/** Until nothing is left to do but to wait for the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await immediate();
}

function createClock(): { clock: Clock; advance(): number | undefined } {
  let now = 0;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    sleep: (time) => new Promise<void>((wake) => sleepers.push({ at: now + time, wake })),
  };
  return {
    clock,
    advance() {
      const next = Math.min(...sleepers.map(({ at }) => at));
      if (next === Number.POSITIVE_INFINITY) return undefined;
      const passed = next - now;
      now = next;
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
      return passed;
    },
  };
}

function createProcess(cards: readonly string[], locks: DeviceLocks, clock: Clock) {
  const leases = cards.map((card, index): DeviceLease => {
    return { name: `cuda:${index}`, device: { provider: 'cuda', threads: 1 }, env: {}, card };
  });
  const pool: WorkerPool = createPool(leases, {
    entry: '',
    env: {},
    locks,
    clock,
    start: startFakeWorker,
    onFree: () => queue.dispatch(),
    onHeld: () => {},
    onFailure: (error) => queue.fail(error),
  });
  const queue: JobQueue = createJobQueue(pool);
  return { pool, queue };
}

const startFakeWorker = (_entry: string | URL, lease: DeviceLease, _env: object, bare: boolean): Worker => {
  let alive = true;
  return {
    lease,
    bare,
    loaded: undefined,
    get alive() {
      return alive;
    },
    ended: Promise.resolve(),
    perform: () => Promise.reject(new Error('It computes nothing.')),
    abort() {},
    kill() {
      alive = false;
    },
  };
};

/** The same promises as those of the system, without sockets. */
function locksInMemory(): DeviceLocks {
  const held = new Map<string, { readonly waiters: Set<() => void>; readonly listeners: (() => void)[] }>();
  return {
    async take(card) {
      if (held.has(card)) return undefined;
      const entry = { waiters: new Set<() => void>(), listeners: [] as (() => void)[] };
      held.set(card, entry);
      return {
        wanted: () => entry.waiters.size > 0,
        onWanted: (listener) => void entry.listeners.push(listener),
        async release() {
          if (held.get(card) === entry) held.delete(card);
          for (const wake of entry.waiters) wake();
        },
      };
    },
    wait(card, signal) {
      const entry = held.get(card);
      if (entry === undefined || signal.aborted) return Promise.resolve();
      return new Promise<void>((resolve) => {
        const wake = () => {
          entry.waiters.delete(wake);
          resolve();
        };
        entry.waiters.add(wake);
        signal.addEventListener('abort', wake, { once: true });
        for (const listener of entry.listeners) listener();
      });
    },
  };
}
