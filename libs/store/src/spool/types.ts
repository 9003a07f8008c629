import type { JsonObject } from '@sonde/base';
import type { Key } from '../disk/digest.ts';

/** What can be told of an order without reading it. */
export interface OrderName {
  readonly key: Key;
  /** Which workers can do it: a name of letters, digits and `-`, `.`, `_`. */
  readonly shape: string;
  /** The highest goes first; from 0 to a million, to the thousandth. */
  readonly rank: number;
  /** What it loads, as a short digest; orders that load the same have the same. Empty: nothing. */
  readonly affinity: string;
}

/**
 * Work that other processes are to do, on this host or another: an order for each key, by shape. An order stays until its
 * result, or how it failed, is there. Who does one holds the lease of its key meanwhile.
 */
export interface Spool {
  /** Writes an order, whole or not at all, and forgets how an earlier one of the key ended. */
  put(name: OrderName, order: JsonObject): Promise<void>;
  /** The orders of a shape, the highest rank first: one look at a folder, however many there are. */
  list(shape: string): Promise<readonly OrderName[]>;
  shapes(): Promise<readonly string[]>;
  /** Undefined where it is gone. One that is damaged is removed: whoever waits for it writes it again. */
  read(name: OrderName): Promise<JsonObject | undefined>;
  has(name: OrderName): Promise<boolean>;
  remove(name: OrderName): Promise<void>;
  /** The keys of which somebody has said what goes on; some may have died since. */
  live(): Promise<ReadonlySet<Key>>;
  readLive(key: Key): Promise<JsonObject | undefined>;
  /** Replaces what is said of a key; undefined: nothing goes on any more. */
  writeLive(key: Key, state: JsonObject | undefined): Promise<void>;
  /** How an order has ended, where its result does not say all. */
  readEnd(key: Key): Promise<JsonObject | undefined>;
  writeEnd(key: Key, end: JsonObject): Promise<void>;
  /** A folder for what starts the workers: logs of jobs. */
  folder(name: string): Promise<string>;
}
