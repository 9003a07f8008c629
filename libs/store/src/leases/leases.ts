import { mkdir, readFile, rename, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '@sonde/base';
import type { Context } from '../context.ts';
import type { Key } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { namesIn, tolerate } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import type { Holder } from './holder.ts';
import type { Watch } from './life.ts';
import type { AcquireOptions, Lease, Leases } from './types.ts';

const FIRST_WAIT = 20;
const LONGEST_WAIT = 1000;
/** A failed rename onto a folder that is empty a moment later is tried so often before it counts as a real failure. */
const ATTEMPTS = 10;

export function createLeases(context: Context): Leases {
  return {
    acquire: async (key, options) => acquireLease(context.layout, await context.holder(), context.watch, key, options),
    async tryAcquire(key, { holder }) {
      const waits = new AbortController();
      const options = { holder, signal: waits.signal, onWait: () => waits.abort() };
      try {
        return await acquireLease(context.layout, await context.holder(), context.watch, key, options);
      } catch (error) {
        if (waits.signal.aborted) return undefined;
        throw error;
      }
    },
    async held() {
      const names = await namesIn(context.layout.leases);
      return new Set(names.flatMap((name): Key[] => (/^[0-9a-f]{64}$/.test(name) ? [`sha256:${name}`] : [])));
    },
  };
}

/**
 * A lease is a folder `leases/<key>/` with one file in it, named for its holder and this very lease. To take it, a
 * folder with that file is made beside and renamed into place: a rename onto a folder that is not empty fails
 * (rename(2)), so one of many wins, with its name already in it, and neither links nor locks are needed. To take it
 * over, the dead holder's file is removed: its name is never used again, so that no other lease can be hit.
 */
export async function acquireLease(
  layout: Layout,
  holder: Holder,
  watch: Watch,
  key: Key,
  options: AcquireOptions,
): Promise<Lease> {
  const place = layout.lease(key);
  const prepared = holder.temporary();
  const name = `${holder.id}.${basename(prepared)}`;
  await mkdir(prepared);
  let taken = false;
  try {
    const about = { holder: options.holder, host: holder.file.host, pid: holder.file.pid };
    await writeFile(join(prepared, name), `${JSON.stringify(about)}\n`);
    const told = new Set<string>();
    let wait = FIRST_WAIT;
    let failures = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const failure = await take(prepared, place, name);
      if (failure === undefined) {
        taken = true;
        return held(layout, holder, key, name);
      }
      const others = await livingHolders(place, watch);
      if (others.length === 0) {
        await tolerate(['ENOENT', 'ENOTEMPTY', 'EEXIST'], rmdir(place));
        failures += 1;
        if (failures > ATTEMPTS && !['ENOTEMPTY', 'EEXIST'].includes(codeOf(failure) ?? '')) throw failure;
        continue;
      }
      for (const other of others) {
        if (told.has(other)) continue;
        told.add(other);
        options.onWait?.(await describe(join(place, other)));
      }
      await delay(wait * (0.5 + Math.random()), undefined, options.signal ? { signal: options.signal } : {});
      wait = Math.min(wait * 1.5, LONGEST_WAIT);
    }
  } finally {
    if (!taken) await rm(prepared, { recursive: true, force: true });
  }
}

/** The failure of the rename; undefined when the lease is ours. */
async function take(prepared: string, place: string, name: string): Promise<unknown> {
  try {
    await rename(prepared, place);
    return undefined;
  } catch (error) {
    // A network file system may have done it and lost the answer.
    if ((await namesIn(place)).includes(name)) return undefined;
    return error;
  }
}

/** The names of lease files whose holders live; those of the dead are removed. */
async function livingHolders(place: string, watch: Watch): Promise<string[]> {
  const living: string[] = [];
  for (const name of await namesIn(place)) {
    if ((await watch.look(name.split('.')[0] ?? '')) === 'dead') await tolerate(['ENOENT'], unlink(join(place, name)));
    else living.push(name);
  }
  return living;
}

async function describe(path: string): Promise<string> {
  const text = await tolerate(['ENOENT'], readFile(path, 'utf8'));
  try {
    const { holder, host, pid } = JSON.parse(text ?? '') as { holder: string; host: string; pid: number };
    return `${holder} (process ${pid} on ${host})`;
  } catch {
    return 'another process';
  }
}

function held(layout: Layout, holder: Holder, key: Key, name: string): Lease {
  const place = layout.lease(key);
  const lost = new AbortController();
  const end = holder.begin();
  const look = async () => {
    try {
      await stat(join(place, name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return;
      stop();
      lost.abort(new StoreError('io', `The lease of ${key} was taken over: this process was silent for too long.`));
    }
  };
  const stop = holder.onBeat(look);
  return {
    key,
    lost: lost.signal,
    async check() {
      await look();
      lost.signal.throwIfAborted();
    },
    async release() {
      stop();
      end();
      await tolerate(['ENOENT'], unlink(join(place, name)));
      await tolerate(['ENOENT', 'ENOTEMPTY', 'EEXIST'], rmdir(place));
    },
  };
}
