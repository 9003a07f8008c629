import { setTimeout as delay } from 'node:timers/promises';
import type { DeviceHolder } from '../backend.ts';
import type { DeviceLock, DeviceLocks } from './device-locks.ts';
import type { DeviceLease } from './leases.ts';

/** A device of this run's, which another process may have meanwhile. */
export interface Slot {
  readonly index: number;
  readonly lease: DeviceLease;
}

/** Which of the run's devices this process has, and which other processes of the machine have. */
export interface CardKeeper {
  held(): readonly Slot[];
  /** So many devices more could be used than are held; none: those that are waited for no longer are. */
  want(devices: number): void;
  /** Lets go of free devices that other processes wait for: of all, or of those behind one that is missing. */
  yieldFree(free: readonly Slot[], which: 'all' | 'later'): void;
  /** A job at these devices has ended: what others have waited for long enough, they are given. */
  endTurns(slots: readonly Slot[]): void;
  close(): void;
}

export interface CardOptions {
  readonly locks: DeviceLocks;
  onFree(): void;
  onHeld(device: string, holder: DeviceHolder): void;
  onFailure(error: unknown): void;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** In milliseconds. */
export interface Clock {
  now(): number;
  sleep(time: number): Promise<unknown>;
}

const MACHINE: Clock = {
  now: () => performance.now(),
  sleep: (time) => delay(time, undefined, { ref: false }),
};

/**
 * How long a process keeps a card that others wait for while it has work for it, in milliseconds: a model is loaded once a
 * turn, which takes much less.
 */
const TURN = 10 * 60_000;
/** Who has let a card go leaves it to those who waited before it asks again, in milliseconds. */
const COURTESY = 250;

interface Held {
  readonly lock: DeviceLock;
  readonly since: number;
}

/**
 * @param vacate ends what this process still has in the card's memory
 */
export function createCardKeeper(
  leases: readonly DeviceLease[],
  { locks, onFree, onHeld, onFailure, clock = MACHINE }: CardOptions,
  vacate: (slot: Slot) => Promise<void>,
): CardKeeper {
  const slots = leases.map((lease, index): Slot => ({ index, lease }));
  const shared = slots.filter(({ lease }) => lease.card !== undefined);
  const own = new Map<Slot, Held>();
  /** Devices that are being asked for, waited for or let go: not to be asked for beside. */
  const inHand = new Map<Slot, AbortController>();
  let wanted = 0;
  let closed = false;
  let looking = false;
  let lookAgain = false;
  const told = new Map<Slot, string>();

  function cardOf({ lease }: Slot): string {
    return lease.card!;
  }
  function missing(): readonly Slot[] {
    return shared.filter((slot) => !own.has(slot));
  }
  /** In the order that all processes have: of those who wait for several, one always gets on. */
  function isBefore(a: Slot, b: Slot): boolean {
    return cardOf(a) < cardOf(b);
  }
  async function take(slot: Slot): Promise<boolean> {
    const lock = await locks.take(cardOf(slot));
    if (lock === undefined) return false;
    if (closed) {
      await lock.release();
      return false;
    }
    own.set(slot, { lock, since: clock.now() });
    lock.onWanted(onFree);
    wanted -= 1;
    return true;
  }
  /** Takes what nobody has, and waits for the others as long as they are wanted. */
  async function look(): Promise<void> {
    looking = true;
    try {
      do {
        lookAgain = false;
        for (const slot of missing().toSorted((a, b) => (isBefore(a, b) ? -1 : 1))) {
          if (wanted > 0 && !closed && !inHand.has(slot)) await lookAt(slot);
        }
      } while (lookAgain && wanted > 0 && !closed);
    } finally {
      looking = false;
    }
  }
  async function lookAt(slot: Slot): Promise<void> {
    const waiting = new AbortController();
    inHand.set(slot, waiting);
    if (await take(slot)) {
      inHand.delete(slot);
      onFree();
    } else waitFor(slot, waiting.signal).catch(onFailure);
  }
  async function waitFor(slot: Slot, signal: AbortSignal): Promise<void> {
    await locks.wait(cardOf(slot), signal, (holder) => {
      const said = JSON.stringify(holder);
      if (signal.aborted || told.get(slot) === said) return;
      told.set(slot, said);
      onHeld(slot.lease.name, holder);
    });
    inHand.delete(slot);
    again();
  }
  function again(): void {
    if (looking) lookAgain = true;
    else if (wanted > 0 && !closed) look().catch(onFailure);
  }
  function letGo(slot: Slot): void {
    const { lock } = own.get(slot)!;
    own.delete(slot);
    inHand.set(slot, new AbortController());
    const leave = async () => {
      await vacate(slot);
      await lock.release();
      await clock.sleep(COURTESY);
      inHand.delete(slot);
      // What there is to do may want it again.
      if (!closed) onFree();
    };
    leave().catch(onFailure);
  }

  return {
    held: () => slots.filter((slot) => slot.lease.card === undefined || own.has(slot)),
    want(devices) {
      wanted = Math.min(devices, missing().length);
      if (wanted > 0) again();
      else for (const waiting of inHand.values()) waiting.abort();
    },
    yieldFree(free, which) {
      for (const slot of free) {
        if (own.get(slot)?.lock.wanted() !== true) continue;
        if (which === 'all' || missing().some((other) => isBefore(other, slot))) letGo(slot);
      }
    },
    endTurns(ended) {
      for (const slot of ended) {
        const held = own.get(slot);
        if (held?.lock.wanted() === true && clock.now() - held.since >= TURN) letGo(slot);
      }
    },
    close() {
      closed = true;
      for (const waiting of inHand.values()) waiting.abort();
      for (const { lock } of own.values()) lock.release().catch(() => {});
      own.clear();
    },
  };
}
