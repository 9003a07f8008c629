import type { DeviceHolder } from '../backend.ts';
import { type CardKeeper, type Clock, createCardKeeper, type Slot } from './cards.ts';
import type { DeviceLocks } from './device-locks.ts';
import { type DeviceLease, joinLeases } from './leases.ts';
import { startWorker, type Worker } from './worker.ts';

/** What a job needs of its worker. */
export interface SeatNeeds {
  /** What it loads. */
  readonly affinity: string | undefined;
  /** It runs programs of the pipeline's: at a worker that holds no secrets. */
  readonly runsCode: boolean;
  /** How many devices it takes at once. */
  readonly devices: number;
}

/** One job's right to a worker, from the moment the job is chosen. */
export interface Seat {
  /** The name of the device that it has, or of the devices. */
  readonly device: string;
  /** The worker; started when first asked for, and replaced where it has died. */
  worker(): Promise<Worker>;
  /** Gives the worker back. */
  leave(): void;
}

/** The worker processes of a run: one a device lease, started when first needed, kept until the run ends. */
export interface WorkerPool {
  readonly size: number;
  /** How many devices a job can be given now. */
  free(): number;
  /** How many more would be free if this run's own jobs ended: the others are other processes'. */
  busy(): number;
  /** What the workers without a job have loaded. */
  idleAffinities(): ReadonlySet<string>;
  /** What the workers with a job have loaded, or are about to load. */
  busyAffinities(): ReadonlySet<string>;
  /**
   * A place for a job: at a worker that has loaded what the job needs, if any has. As many devices as it needs must be
   * free. It is taken at once, so that two jobs chosen for the same loaded worker cannot be.
   */
  take(needs: SeatNeeds): Seat;
  /** Waiting jobs could use so many devices more than are free: they are looked for among those of other processes. */
  want(devices: number): void;
  /**
   * Lets devices go that are free, and that other processes wait for: all of them, or, for a job that needs several, those
   * behind one that it still lacks. So no two processes wait for what the other keeps.
   */
  yieldFree(which: 'all' | 'later'): void;
  /** Tells every running step to stop. */
  abort(): void;
  /** Ends all processes at once. */
  kill(): void;
}

export interface PoolOptions {
  readonly entry: string | URL;
  readonly env: Readonly<Record<string, string>>;
  readonly locks: DeviceLocks;
  readonly clock?: Clock;
  /** Default: a process. */
  readonly start?: typeof startWorker;
  /** A device is free that was not. */
  onFree(): void;
  /** A device is waited for that another process has. */
  onHeld(device: string, holder: DeviceHolder): void;
  /** No device can be had any more. */
  onFailure(error: unknown): void;
}

/** A worker without a job, at the devices that it has. */
interface Idle {
  readonly worker: Worker;
  readonly slots: readonly Slot[];
}

export function createPool(leases: readonly DeviceLease[], options: PoolOptions): WorkerPool {
  const { entry, env, start = startWorker } = options;
  let idle: Idle[] = [];
  const busy = new Set<Worker>();
  const taken = new Map<Seat, { readonly slots: readonly Slot[]; readonly affinity: () => string | undefined }>();
  const cards: CardKeeper = createCardKeeper(leases, options, (slot) => dismiss([slot]));

  function forgetDead(): void {
    idle = idle.filter(({ worker }) => worker.alive);
  }
  /** Ends the idle workers at these devices; their memory is free when the promise resolves. */
  async function dismiss(slots: readonly Slot[]): Promise<void> {
    const there = idle.filter((each) => each.slots.some((slot) => slots.includes(slot)));
    idle = idle.filter((each) => !there.includes(each));
    for (const { worker } of there) worker.kill();
    await Promise.all(there.map(({ worker }) => worker.ended));
  }
  function choose({ affinity, runsCode, devices }: SeatNeeds): Idle | undefined {
    const able = idle.filter(({ worker, slots }) => worker.bare === runsCode && slots.length === devices);
    const fitting = able.find(({ worker }) => worker.loaded === affinity);
    if (fitting !== undefined) return fitting;
    // What is loaded stays loaded while there is room for another worker.
    const blank = able.find(({ worker }) => worker.loaded === undefined);
    const hasRoom = emptySlots().length >= devices;
    return affinity === undefined || blank !== undefined || !hasRoom ? (blank ?? able[0]) : undefined;
  }
  function freeSlots(): readonly Slot[] {
    const used = new Set([...taken.values()].flatMap(({ slots }) => slots));
    return cards.held().filter((slot) => !used.has(slot));
  }
  function emptySlots(): readonly Slot[] {
    return freeSlots().filter((slot) => !idle.some(({ slots }) => slots.includes(slot)));
  }
  /** Devices for a new worker: those where none is, then those whose workers can do none of the jobs that are to come next. */
  function place(devices: number): readonly Slot[] {
    const empty = emptySlots();
    const others = freeSlots().filter((slot) => !empty.includes(slot));
    const slots = [...empty, ...others].slice(0, devices);
    if (slots.length < devices) throw new Error('More devices are asked for than are free.');
    return slots.toSorted((a, b) => a.index - b.index);
  }
  function killAll(): void {
    for (const worker of [...idle.map((each) => each.worker), ...busy]) worker.kill();
  }
  // A process that ends without having ended its run leaves no workers behind.
  process.on('exit', killAll);

  return {
    size: leases.length,
    free: () => freeSlots().length,
    busy: () => [...taken.values()].reduce((sum, { slots }) => sum + slots.length, 0),
    idleAffinities() {
      return new Set(idle.flatMap(({ worker }) => worker.loaded ?? []));
    },
    busyAffinities() {
      return new Set([...taken.values()].flatMap(({ affinity }) => affinity() ?? []));
    },
    take(needs) {
      forgetDead();
      const chosen = choose(needs);
      const slots = chosen?.slots ?? place(needs.devices);
      let worker = chosen?.worker;
      idle = idle.filter((each) => each !== chosen);
      if (worker !== undefined) busy.add(worker);
      const dismissed = dismiss(slots);
      const lease = joinLeases(slots.map((slot) => slot.lease));
      const seat: Seat = {
        device: lease.name,
        async worker() {
          await dismissed;
          if (worker?.alive !== true) {
            if (worker !== undefined) busy.delete(worker);
            worker?.kill();
            worker = start(entry, lease, env, needs.runsCode);
            busy.add(worker);
          }
          worker.loaded = needs.affinity ?? worker.loaded;
          return worker;
        },
        leave() {
          if (!taken.delete(seat)) return;
          if (worker !== undefined) busy.delete(worker);
          if (worker?.alive === true) idle.push({ worker, slots });
          else worker?.kill();
          cards.endTurns(slots);
        },
      };
      taken.set(seat, { slots, affinity: () => needs.affinity ?? worker?.loaded });
      return seat;
    },
    want: (devices) => cards.want(devices),
    yieldFree: (which) => cards.yieldFree(freeSlots(), which),
    abort() {
      for (const worker of busy) worker.abort();
    },
    kill() {
      killAll();
      cards.close();
      process.off('exit', killAll);
    },
  };
}
