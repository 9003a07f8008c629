import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { treeDigests } from '../artifacts/tree-folders.ts';
import type { BlobFolder } from '../blobs/folder.ts';
import { blobFiles } from '../blobs/list.ts';
import type { Context } from '../context.ts';
import { type Digest, digestOf } from '../disk/digest.ts';
import { bytesBelow, namesIn, tolerate } from '../disk/files.ts';
import { MARK_AGAIN, removeUnused } from '../disk/use.ts';
import type { HolderFile } from '../leases/holder-files.ts';
import { acquireLease } from '../leases/leases.ts';
import { removeDead } from '../leases/leftovers.ts';
import { allSegments } from '../memos/segments.ts';
import { rebuildIndex } from '../results/index-files.ts';
import { readRecord, recordKeys } from '../results/read.ts';
import { digestsOf } from '../results/record.ts';
import { type Candidate, chooseRemovals } from './budget.ts';
import { keysOfRuns, pinned } from './reachable.ts';
import type { GcOptions, GcReport } from './types.ts';

/** The lease under which garbage is collected: one at a time. */
const GC = digestOf('sonde gc');
const DAY = 86_400_000;
const QUARANTINE_DAYS = 30;
/** A transfer that nobody has gone on with for so long is given up; how an order ended, nobody waits to hear. */
const ENDED_DAYS = 2;

/** What a collection needs to know of the moment: who lives, who died, what time it is for the file system. */
interface Moment {
  readonly live: readonly HolderFile[];
  readonly dead: readonly string[];
  readonly now: number;
}

/**
 * Removes results that no kept run and no pin uses, and blobs that no kept result names. Beside live runs: whatever was
 * written or used since the oldest living process began, or within the grace period, stays; what somebody uses at the
 * very moment is put back. Records go before their blobs, so that no record loses its blobs on purpose.
 */
export async function collectGarbage(context: Context, blobs: BlobFolder, options: GcOptions = {}): Promise<GcReport> {
  const own = await context.currentHolder();
  const idle = own === undefined || own.working() === 0;
  const others = (live: readonly HolderFile[]) => live.filter(({ id }) => !(idle && id === own?.id));
  if (options.dryRun) {
    const { live, dead } = await context.watch.settle(options.onWait);
    return collect(context, blobs, options, { live: others(live), dead, now: Date.now() });
  }
  const holder = await context.holder();
  const lease = await acquireLease(context.layout, holder, context.watch, GC, { holder: 'garbage collection' });
  try {
    const { live, dead } = await context.watch.settle(options.onWait);
    const strangers = own === undefined ? live.filter(({ id }) => id !== holder.id) : others(live);
    const now = await holder.fileSystemTime();
    const report = await collect(context, blobs, options, { live: strangers, dead, now });
    await rebuildIndex(context);
    return report;
  } finally {
    await lease.release();
  }
}

async function collect(context: Context, blobs: BlobFolder, options: GcOptions, moment: Moment): Promise<GcReport> {
  const { layout } = context;
  const { dryRun = false, keepRuns = 20, olderThanDays = 0, maxBytes, graceSeconds = 3600 } = options;
  // A living process may have marked what it uses a little before it began to count as living.
  const eldest = Math.min(...moment.live.map((holder) => holder.since - 2 * MARK_AGAIN));
  const limit = Math.min(moment.now - graceSeconds * 1000, eldest);
  // A person who asks for what is older than so many days knows that the rest stays.
  const ageLimit = olderThanDays > 0 ? moment.now - olderThanDays * DAY : Number.POSITIVE_INFINITY;
  const resultLimit = Math.min(limit, ageLimit);
  const remove = async (path: string, before: number): Promise<boolean> => {
    if (!dryRun) return removeUnused(path, before, (await context.holder()).temporary());
    const found = await tolerate(['ENOENT'], stat(path));
    return found !== undefined && found.ctimeMs < before;
  };

  const sizes = new Map<Digest, number>();
  for await (const { path, digest } of blobFiles(context)) {
    const found = digest === undefined ? undefined : await tolerate(['ENOENT'], stat(path));
    if (digest !== undefined && found !== undefined) sizes.set(digest, found.size);
  }
  const used = await keysOfRuns(context, keepRuns, moment.live);
  const pins = await pinned(context, blobs);
  const wanted = new Set(pins);
  const candidates: Candidate[] = [];
  const kept = { results: 0, blobs: 0, bytes: 0 };
  const recent = { results: 0, blobs: 0, bytes: 0 };
  /** Blobs that would be wanted if nothing were recent. */
  const lasting = new Set(wanted);
  const keep = (named: readonly Digest[], isRecent: boolean) => {
    kept.results += 1;
    if (isRecent) recent.results += 1;
    for (const digest of named) {
      wanted.add(digest);
      if (!isRecent) lasting.add(digest);
    }
  };
  for await (const key of recordKeys(context)) {
    const found = readRecord(context, key);
    if (found.state !== 'good') continue;
    const named = digestsOf(found.record);
    const isNamed = used.has(key) || pins.has(key);
    const stays = isNamed || found.file.ctimeMs >= resultLimit;
    if (stays) keep(named, !isNamed && found.file.ctimeMs < ageLimit);
    else candidates.push({ key, used: found.file.ctimeMs, blobs: named });
  }

  const chosen = chooseRemovals(candidates, sizes, wanted, maxBytes);
  for (const spared of chosen.spare) keep(spared.blobs, false);
  let results = 0;
  for (const candidate of chosen.remove) {
    if (await remove(layout.result(candidate.key), resultLimit)) results += 1;
    else keep(candidate.blobs, true);
  }
  const freed = { blobs: 0, bytes: 0 };
  for (const [digest, size] of sizes) {
    const side = !wanted.has(digest) && (await remove(layout.blob(digest), limit)) ? freed : kept;
    side.blobs += 1;
    side.bytes += size;
    if (side === kept && !lasting.has(digest)) {
      recent.blobs += 1;
      recent.bytes += size;
    }
  }
  let trees = 0;
  for (const digest of await treeDigests(context)) {
    if (!wanted.has(digest) && (await remove(layout.tree(digest), limit))) trees += 1;
  }
  // Values are dear and small: only a person who asks for what is older than so many days lets them go.
  const memos = olderThanDays > 0 ? await removeValues(context, resultLimit, remove) : { values: 0, bytes: 0 };
  const left = await removeLeftovers(context, moment, dryRun);
  const bytes = freed.bytes + memos.bytes + left.bytes;
  const { values } = memos;
  const counts = { results, blobs: freed.blobs, trees, values, leftovers: left.count };
  return { dryRun, ...counts, bytes, kept, recent, graceSeconds };
}

/** Values made of contents that were last used before `limit`. */
async function removeValues(
  context: Context,
  limit: number,
  remove: (path: string, before: number) => Promise<boolean>,
): Promise<{ readonly values: number; readonly bytes: number }> {
  let [values, bytes] = [0, 0];
  for await (const { segment } of allSegments(context)) {
    const size = (await tolerate(['ENOENT'], stat(segment.path)))?.size ?? 0;
    if (!(await remove(segment.path, limit))) continue;
    values += segment.count;
    bytes += size;
  }
  return { values, bytes };
}

/** Temporary files of the dead, what was quarantined a month ago, and what has long stopped coming here. */
async function removeLeftovers(context: Context, { dead, now }: Moment, dryRun: boolean) {
  const { layout } = context;
  const old: string[] = [];
  for (const path of [...(await pathsIn(layout.quarantine)), ...(await pathsIn(layout.notes))]) {
    if (path === layout.notes) continue;
    const found = await tolerate(['ENOENT'], stat(path));
    if (found !== undefined && found.ctimeMs < now - QUARANTINE_DAYS * DAY) old.push(path);
  }
  for (const path of [...(await pathsIn(layout.incoming)), ...(await pathsIn(layout.ends))]) {
    const found = await tolerate(['ENOENT'], stat(path));
    if (found !== undefined && found.ctimeMs < now - ENDED_DAYS * DAY) old.push(path);
  }
  let bytes = 0;
  for (const path of [...old, ...dead.map((id) => join(layout.tmp, id))]) bytes += await bytesBelow(path);
  if (!dryRun) {
    await removeDead(layout, dead);
    for (const path of old) await rm(path, { recursive: true, force: true });
  }
  return { count: old.length + dead.length, bytes };
}

async function pathsIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).map((name) => join(folder, name));
}
