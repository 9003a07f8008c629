import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Digest, hexOf } from '../disk/digest.ts';
import { publish, tolerate } from '../disk/files.ts';
import { acquireLease } from '../leases/leases.ts';
import type { AcquireOptions } from '../leases/types.ts';
import type { Incoming } from './types.ts';

/** Bytes that are written at a time: a network's parts are small. */
const AT_ONCE = 1 << 20;

/**
 * Begins to receive content, or goes on where an earlier attempt of whatever process has ended: the bytes lie in
 * `incoming/<digest>`, and belong to who has the digest's lease.
 */
export async function receive(
  context: Context,
  digest: Digest,
  isHere: () => Promise<boolean>,
  options: AcquireOptions,
): Promise<Incoming | undefined> {
  const { layout } = context;
  const lease = await acquireLease(layout, await context.holder(), context.watch, digest, options);
  try {
    if (await isHere()) {
      await lease.release();
      return undefined;
    }
    const path = layout.arriving(digest);
    await mkdir(layout.incoming, { recursive: true });
    let hash = createHash('sha256');
    let size = 0;
    const file = await open(path, 'a', 0o600);
    const end = async () => {
      await file.close();
      await lease.release();
    };
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    let writing: Promise<void> = Promise.resolve();
    /** Writes what is gathered once the write before it is done: meanwhile more may come, and is hashed. */
    const write = async () => {
      await writing;
      lease.lost.throwIfAborted();
      const [parts, bytes] = [gathered, gatheredBytes];
      [gathered, gatheredBytes] = [[], 0];
      writing = appendAll(file, parts, bytes);
      // Whoever writes next, or ends, is told.
      writing.catch(() => undefined);
    };
    const written = async () => {
      await write();
      await writing;
    };
    try {
      for await (const part of createReadStream(path)) {
        hash.update(part as Buffer);
        size += (part as Buffer).length;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return {
      get size() {
        return size;
      },
      async append(part) {
        lease.lost.throwIfAborted();
        hash.update(part);
        size += part.length;
        gathered.push(part);
        gatheredBytes += part.length;
        if (gatheredBytes >= AT_ONCE) await write();
      },
      async restart() {
        await writing.catch(() => undefined);
        [gathered, gatheredBytes] = [[], 0];
        await file.truncate(0);
        hash = createHash('sha256');
        size = 0;
      },
      async finish() {
        try {
          if (hash.digest('hex') !== hexOf(digest)) {
            await rm(path, { force: true });
            return false;
          }
          await written();
          await file.sync();
          await chmod(path, 0o444);
          await publish(path, layout.blob(digest));
          return true;
        } finally {
          await end();
        }
      },
      async leave() {
        try {
          if (!lease.lost.aborted) await written();
          if (size === 0) await tolerate(['ENOENT'], rm(path));
        } finally {
          await end();
        }
      },
    };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** As they lie: a copy of them would cost as much as their digest. */
async function appendAll(file: FileHandle, parts: readonly Uint8Array[], bytes: number): Promise<void> {
  if (bytes === 0) return;
  const { bytesWritten } = await file.writev(parts);
  if (bytesWritten < bytes) await file.appendFile(Buffer.concat(parts).subarray(bytesWritten));
}
