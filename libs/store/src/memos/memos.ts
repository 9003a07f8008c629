import { readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isRecord, type JsonObject, type JsonValue } from '@sonde/base';
import type { Context } from '../context.ts';
import type { Digest } from '../disk/digest.ts';
import { asStoreError } from '../disk/errors.ts';
import { publish, tolerate, writeFlushed } from '../disk/files.ts';
import { canonicalJson, keyOf } from '../disk/json.ts';
import { acquireLease } from '../leases/leases.ts';
import type { Lease } from '../leases/types.ts';
import { type Claim, claim, contentsClaimed } from './claims.ts';
import {
  agreementOf,
  type Entry,
  makersIn,
  overlaps,
  readSegment,
  type Segment,
  segmentsIn,
  writeSegment,
} from './segments.ts';
import type { ContentHex, MakeValues, Memo, Memos, WorkOptions } from './types.ts';

/** Contents that a process takes on at once: what others wait for where they want the same. */
const CLAIM = 16_384;
const FIRST_WAIT = 50;
const LONGEST_WAIT = 1000;

export function createMemos(context: Context): Memos {
  return {
    async writtenSince(time, isMaker) {
      for (const key of await makersIn(context)) {
        const segments = await segmentsIn(context.layout.memo(key));
        if (!segments.some(({ when }) => Number.parseInt(when, 16) >= time)) continue;
        const maker = await readMaker(context, key);
        if (maker !== undefined && isMaker(maker)) return true;
      }
      return false;
    },
    of: (maker): Memo => ({
      async kept(wanted, signal) {
        if (wanted.length === 0) return new Map();
        const work = beginWork(context, keyOf(maker), wanted, { holder: '', ...(signal && { signal }) });
        await readNew(work);
        return work.values;
      },
      async workOut(wanted, make, options) {
        if (wanted.length === 0) return new Map();
        const key = keyOf(maker);
        const makers = new Set<unknown>();
        const marked: MakeValues = async function* (missing) {
          try {
            yield* make(missing);
          } catch (error) {
            makers.add(error);
            throw error;
          }
        };
        try {
          await describeMaker(context, key, maker);
          return await workOut(context, key, wanted, marked, options);
        } catch (error) {
          // A maker's system calls (of a service that is down) say nothing of the store.
          throw makers.has(error) ? error : asStoreError(error, context.layout.dir);
        }
      },
    }),
  };
}

function makerFile(context: Context, key: Digest): string {
  return join(context.layout.memo(key), 'maker.json');
}

/** Who made a folder's values; undefined where that is not, or no longer, written there. */
async function readMaker(context: Context, key: Digest): Promise<JsonObject | undefined> {
  const text = await tolerate(['ENOENT'], readFile(makerFile(context, key), 'utf8'));
  try {
    const maker: JsonValue | undefined = text && JSON.parse(text);
    return isRecord(maker) ? (maker as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Says beside the values who made them. */
async function describeMaker(context: Context, key: Digest, maker: JsonObject): Promise<void> {
  const path = makerFile(context, key);
  if ((await tolerate(['ENOENT'], stat(path))) !== undefined) return;
  const beside = (await context.holder()).temporary();
  await writeFlushed(beside, `${canonicalJson(maker)}\n`);
  await publish(beside, path);
}

/** One working out: what is known by now, and which segments were read for it. */
interface Work {
  readonly context: Context;
  readonly maker: Digest;
  readonly wanted: readonly ContentHex[];
  readonly missing: Set<ContentHex>;
  readonly values: Map<ContentHex, JsonValue>;
  readonly read: Set<string>;
  readonly range: readonly [first: ContentHex, last: ContentHex];
  readonly options: WorkOptions;
}

async function workOut(
  context: Context,
  maker: Digest,
  wanted: readonly ContentHex[],
  make: MakeValues,
  options: WorkOptions,
): Promise<Map<ContentHex, JsonValue>> {
  const work = beginWork(context, maker, wanted, options);
  const written: Segment[] = [];
  const made: Entry[] = [];
  let wait = FIRST_WAIT;
  let told = false;
  if (!options.refresh) await readNew(work);
  while (work.missing.size > 0) {
    options.signal?.throwIfAborted();
    const own = await takeOn(work);
    if (own === undefined) {
      // Others are making what is left.
      if (!told && work.missing.size > 0) options.onWait?.(work.missing.size);
      told = true;
      options.onKnown?.(work.values.size);
      await delay(wait, undefined, options.signal ? { signal: options.signal } : {});
      wait = Math.min(wait * 1.5, LONGEST_WAIT);
      continue;
    }
    wait = FIRST_WAIT;
    try {
      for await (const batch of make(own.contents)) {
        written.push(await writeSegment(context, maker, batch));
        for (const [content, value] of batch) {
          work.values.set(content, value);
          work.missing.delete(content);
          made.push([content, value]);
        }
        options.onKnown?.(work.values.size);
      }
    } finally {
      await own.release();
    }
    const left = own.contents.filter((content) => work.missing.has(content)).length;
    if (left > 0) throw new Error(`Of ${own.contents.length} values asked for, ${left} were not made.`);
  }
  await joinWritten(work, written, made);
  return work.values;
}

function beginWork(context: Context, maker: Digest, wanted: readonly ContentHex[], options: WorkOptions): Work {
  return {
    context,
    maker,
    wanted,
    missing: new Set(wanted),
    values: new Map(),
    read: new Set(),
    range: rangeOf(wanted),
    options,
  };
}

function rangeOf(wanted: readonly ContentHex[]): [ContentHex, ContentHex] {
  let [first, last] = [wanted[0]!, wanted[0]!];
  for (const content of wanted) {
    if (content < first) first = content;
    if (content > last) last = content;
  }
  return [first, last];
}

/** Reads the segments that were not there before; again, as long as some came meanwhile in the place of others. */
async function readNew(work: Work): Promise<void> {
  const { context, maker, read, missing, values, range, options } = work;
  const wanted = new Set(work.wanted);
  const unread = async () => (await segmentsIn(context.layout.memo(maker))).filter(({ name }) => !read.has(name));
  for (let segments = await unread(); segments.length > 0; segments = await unread()) {
    for (const segment of segments) {
      read.add(segment.name);
      if (!overlaps(segment, ...range)) continue;
      options.signal?.throwIfAborted();
      await readSegment(context, maker, segment, wanted, values);
    }
  }
  for (const content of values.keys()) missing.delete(content);
  options.onKnown?.(values.size);
}

/** Agrees with everybody else on what to make next; nothing where others make all that is missing. */
async function takeOn(work: Work): Promise<Claim | undefined> {
  const { context, maker, missing, wanted, options } = work;
  const lease = await agree(work);
  try {
    if (options.refresh) return await claim(context, maker, inOrder(wanted, missing, new Set()));
    // In this order: what is claimed no more was written before.
    const claimed = await contentsClaimed(context, maker);
    await readNew(work);
    const free = inOrder(wanted, missing, claimed);
    return free.length === 0 ? undefined : await claim(context, maker, free);
  } finally {
    await lease.release();
  }
}

/** Until it is released, nobody else takes anything on, nor joins segments. */
async function agree({ context, maker, options }: Work): Promise<Lease> {
  return acquireLease(context.layout, await context.holder(), context.watch, agreementOf(maker), {
    holder: options.holder,
    ...(options.signal && { signal: options.signal }),
  });
}

function inOrder(
  wanted: readonly ContentHex[],
  missing: ReadonlySet<ContentHex>,
  claimed: ReadonlySet<ContentHex>,
): ContentHex[] {
  const free: ContentHex[] = [];
  for (const content of wanted) {
    if (free.length === CLAIM) break;
    if (missing.has(content) && !claimed.has(content)) free.push(content);
  }
  return free;
}

/** Makes one segment of those that were written in this work, so that their number does not grow with batches. */
async function joinWritten(work: Work, written: readonly Segment[], made: readonly Entry[]): Promise<void> {
  if (written.length < 2) return;
  // Whoever looks meanwhile for what to make would find these segments neither apart nor joined.
  const lease = await agree(work);
  try {
    await writeSegment(work.context, work.maker, made);
    for (const { path } of written) await tolerate(['ENOENT'], unlink(path));
  } finally {
    await lease.release();
  }
}
