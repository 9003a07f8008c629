import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, isRecord, type JsonObject } from '@sonde/base';
import type { Context } from '../context.ts';
import { checkedText, parseChecked } from '../disk/checked.ts';
import { hexOf, type Key } from '../disk/digest.ts';
import { namesIn, tolerate } from '../disk/files.ts';
import type { OrderName, Spool } from './types.ts';

const SHAPE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Rank, counted down so that names sort by it, affinity, key. */
const NAME = /^(\d{10})\.([0-9a-z]{0,16})\.([0-9a-f]{64})\.json$/;
const TOP = 1_000_000;
const ABSENT = ['ENOENT', 'ENOTDIR'];

export function createSpool(context: Context): Spool {
  const { orders, live, ends, work } = context.layout;
  const liveFile = (key: Key) => join(live, `${hexOf(key)}.json`);
  const endFile = (key: Key) => join(ends, `${hexOf(key)}.json`);
  const orderFile = (name: OrderName) => join(orders, shapeOf(name.shape), fileNameOf(name));

  /** Renamed into place and not flushed: what a power failure takes is written again by whoever waits for it. */
  async function replace(path: string, value: JsonObject): Promise<void> {
    const beside = (await context.holder()).temporary();
    await writeFile(beside, checkedText(value));
    try {
      await rename(beside, path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      await mkdir(dirname(path), { recursive: true });
      await rename(beside, path);
    }
  }

  return {
    async put(name, order) {
      await rm(endFile(name.key), { force: true });
      await replace(orderFile(name), order);
    },
    async list(shape) {
      const names = await namesIn(join(orders, shapeOf(shape)));
      return names.map((name) => readName(shape, name)).filter((name) => name !== undefined);
    },
    shapes: async () => (await namesIn(orders)).filter((name) => SHAPE.test(name)),
    async read(name) {
      const found = await readChecked(orderFile(name));
      if (found === 'damaged') await rm(orderFile(name), { force: true });
      return found === 'damaged' ? undefined : found;
    },
    has: async (name) => (await tolerate(ABSENT, stat(orderFile(name)))) !== undefined,
    remove: (name) => rm(orderFile(name), { force: true }),
    async live() {
      const names = await namesIn(live);
      return new Set(names.flatMap((name): Key[] => (/^[0-9a-f]{64}\.json$/.test(name) ? [keyIn(name)] : [])));
    },
    readLive: async (key) => whole(await readChecked(liveFile(key))),
    async writeLive(key, state) {
      if (state === undefined) await rm(liveFile(key), { force: true });
      else await replace(liveFile(key), state);
    },
    readEnd: async (key) => whole(await readChecked(endFile(key))),
    writeEnd: (key, end) => replace(endFile(key), end),
    async folder(name) {
      await context.holder();
      const path = join(work, shapeOf(name));
      await mkdir(path, { recursive: true });
      return path;
    },
  };
}

async function readChecked(path: string): Promise<JsonObject | 'damaged' | undefined> {
  const text = await tolerate(ABSENT, readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const value = parseChecked(text);
  return isRecord(value) ? (value as JsonObject) : 'damaged';
}

function whole(found: JsonObject | 'damaged' | undefined): JsonObject | undefined {
  return found === 'damaged' ? undefined : found;
}

/** Names become paths: one that could lead elsewhere is refused. */
function shapeOf(shape: string): string {
  if (!SHAPE.test(shape)) throw new TypeError(`${JSON.stringify(shape)} is not the name of a shape.`);
  return shape;
}

function fileNameOf({ key, rank, affinity }: OrderName): string {
  const place = Math.round((TOP - Math.min(Math.max(rank, 0), TOP)) * 1000);
  return `${String(place).padStart(10, '0')}.${affinity}.${hexOf(key)}.json`;
}

function readName(shape: string, name: string): OrderName | undefined {
  const [, place, affinity, hex] = NAME.exec(name) ?? [];
  if (place === undefined || affinity === undefined || hex === undefined) return undefined;
  return { key: `sha256:${hex}`, shape, rank: TOP - Number(place) / 1000, affinity };
}

function keyIn(name: string): Key {
  return `sha256:${name.slice(0, 64)}`;
}
