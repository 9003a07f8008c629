import { chmod, type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Digest, digestFile } from '../disk/digest.ts';
import { publish, tolerate } from '../disk/files.ts';
import { guarded } from '../disk/guarded.ts';
import { acquireLease } from '../leases/leases.ts';
import { growLargeFile } from './large-file.ts';
import type { Incoming, ReceiveOptions } from './types.ts';

/** Bytes that are written at a time: a network's parts are small. */
const AT_ONCE = 1 << 20;
/** From so many bytes on, a thread hashes content while it comes: less takes hardly longer than its start. */
const LARGE = 32 << 20;

/**
 * Begins to receive content, or goes on where an earlier attempt of whatever process has ended: the bytes lie in
 * `incoming/<digest>`, and belong to who has the digest's lease.
 */
export async function receive(
  context: Context,
  digest: Digest,
  isHere: () => Promise<boolean>,
  options: ReceiveOptions,
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
    let size = (await tolerate(['ENOENT'], stat(path)))?.size ?? 0;
    const file = await open(path, 'a', 0o600);
    const isLarge = () => Math.max(size, options.size ?? 0) >= LARGE;
    let large = isLarge() ? growLargeFile(path, file, size) : undefined;
    let gathered: Uint8Array[] = [];
    let gatheredBytes = 0;
    let writing: Promise<void> = Promise.resolve();
    /** Writes what is gathered once the write before it is done: meanwhile more may come. */
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
      await large?.written();
    };
    const end = async () => {
      await large?.end();
      // It waits for what is being written.
      await file.close();
      await lease.release();
    };
    const incoming: Incoming = {
      get size() {
        return size;
      },
      room: (ahead) => large?.room(ahead),
      async append(part) {
        lease.lost.throwIfAborted();
        size += part.length;
        if (large !== undefined) return large.append(part);
        gathered.push(part);
        gatheredBytes += part.length;
        if (gatheredBytes >= AT_ONCE) await write();
        if (!isLarge()) return;
        await written();
        large = growLargeFile(path, file, size);
      },
      async restart() {
        await writing.catch(() => undefined);
        writing = Promise.resolve();
        await large?.end();
        large = undefined;
        [gathered, gatheredBytes] = [[], 0];
        await file.truncate(0);
        size = 0;
        large = isLarge() ? growLargeFile(path, file, size) : undefined;
      },
      async finish() {
        try {
          await written();
          const found = large === undefined ? (await digestFile(path)).digest : await large.digest();
          if (found !== digest) {
            await rm(path, { force: true });
            return false;
          }
          await file.sync();
          // While it is ours nobody else has written: the bytes in the file are those that were hashed.
          await lease.check();
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
    return guarded(incoming, layout.dir);
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
