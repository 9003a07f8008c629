import { createHash } from 'node:crypto';
import { readdir, rename, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '@sonde/base';
import type { RequestHooks } from './request.ts';

/** A partial file that nothing was written to for so long has no writer, in milliseconds. */
const ABANDONED = 15 * 60_000;
const LOOK_AGAIN = 500;

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/**
 * The file that this process may write a blob's bytes into: `<blob>.<host>-<process>.incomplete`. What a process that
 * is gone has left is taken over; renaming lets one taker alone have it. While a living process downloads the blob, this
 * waits. Undefined: the blob is there.
 */
export async function claimPartial(blob: string, name: string, hooks: RequestHooks): Promise<string | undefined> {
  const own = `${blob}.${HOST}-${process.pid}.incomplete`;
  for (let told = false; ; ) {
    hooks.signal?.throwIfAborted();
    if (await exists(blob)) return undefined;
    const partials = (await readdir(dirname(blob)))
      .filter((file) => file.startsWith(`${basename(blob)}.`) && file.endsWith('.incomplete'))
      .map((file) => join(dirname(blob), file));
    if (partials.includes(own)) return own;
    const states = await Promise.all(partials.map(async (file) => ({ file, alive: await isAlive(blob, file) })));
    if (states.some(({ alive }) => alive)) {
      if (!told) hooks.onRetry?.(`another process is downloading ${name}`, LOOK_AGAIN / 1000);
      told = true;
      await delay(LOOK_AGAIN, undefined, hooks.signal === undefined ? {} : { signal: hooks.signal });
      continue;
    }
    const [left] = partials;
    if (left === undefined) return own;
    try {
      await rename(left, own);
      return own;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

async function isAlive(blob: string, file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || Date.now() - found.mtimeMs > ABANDONED) return false;
  const [, host, pid] = /^\.([0-9a-f]{8})-(\d+)\.incomplete$/.exec(file.slice(blob.length)) ?? [];
  if (host === undefined) return false;
  if (host !== HOST) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
