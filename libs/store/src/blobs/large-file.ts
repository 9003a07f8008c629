import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '@sonde/base';
import type { Digest } from '../disk/digest.ts';
import { startHashThread } from './hash-thread.ts';

/** Bytes that are written and hashed at a time, and how many such pieces there are: one fills while others are under way. */
const PIECE = 4 << 20;
const PIECES = 4;
const RING = PIECE * PIECES;
/** What goes past the page cache begins and ends at multiples of this. */
const BLOCK = 4096;
/** What goes through it is flushed by so many bytes while more arrive, so that the end waits for few. */
const FLUSHED = 128 << 20;

/** A large file that grows at its end, and is hashed meanwhile without being read anew. */
export interface LargeFile {
  /** Where bytes that come after the next `ahead` may be put: appended from there, they are not copied. */
  room(ahead: number): Uint8Array;
  /** Resolves once there is room for more. */
  append(part: Uint8Array): Promise<void>;
  /** Waits until all is written. */
  written(): Promise<void>;
  /** The digest of all that is written. */
  digest(): Promise<Digest>;
  end(): Promise<void>;
}

/**
 * Goes on with a file of `size` bytes that is open for appending. Where the file system allows it the bytes go past the
 * page cache (O_DIRECT): through it they are copied once more, and in the end the disk is waited for as long again.
 */
export function growLargeFile(path: string, file: FileHandle, size: number): LargeFile {
  const memory = idle.pop() ?? allocate();
  const ring = new Uint8Array(memory);
  const thread = startHashThread(path, size, memory);
  /** Pieces that are being written and hashed, the oldest first. */
  const underWay: Promise<unknown>[] = [];
  let [end, passed, flushed] = [size, size, size];
  let flushing: Promise<void> = Promise.resolve();
  let direct: FileHandle | undefined;
  let writing: Promise<void> = openDirect(path).then((opened) => {
    direct = opened;
  });

  async function write(piece: Uint8Array, from: number): Promise<void> {
    if ((await file.stat()).size !== from) throw new Error(`${path} became shorter or longer while it was received.`);
    for (let done = 0; done < piece.length; ) {
      const [rest, at] = [piece.subarray(done), from + done];
      const by = direct !== undefined && at % BLOCK === 0 && rest.length % BLOCK === 0 ? direct : file;
      try {
        done += (await by.write(rest, 0, rest.length, at)).bytesWritten;
      } catch (error) {
        // A file system may open a file so and then refuse.
        if (by === file || codeOf(error) !== 'EINVAL') throw error;
        direct = undefined;
        await by.close();
      }
    }
    const upTo = from + piece.length;
    if (direct !== undefined || upTo - flushed < FLUSHED) return;
    flushed = upTo;
    flushing = flushing.then(() => file.datasync());
    flushing.catch(() => undefined);
  }

  /** Gives what has come to the disk and to the thread, and waits for room. */
  async function pass(): Promise<void> {
    const [from, bytes] = [passed, end - passed];
    const offset = from % RING;
    passed = end;
    // One after the other: whenever this ends, the file is a beginning of the content.
    writing = writing.then(() => write(ring.subarray(offset, offset + bytes), from));
    const both = Promise.all([writing, thread.update(offset, bytes)]);
    // Who waits for room, or for the end, is told.
    both.catch(() => undefined);
    underWay.push(both);
    if (underWay.length === PIECES) await underWay.shift();
  }

  return {
    room(ahead) {
      const offset = (end + ahead) % RING;
      return ring.subarray(offset, offset - (offset % PIECE) + PIECE);
    },
    async append(part) {
      const isInPlace = part.buffer === memory;
      for (let done = 0; done < part.length; ) {
        const bytes = Math.min(part.length - done, PIECE - (end % PIECE));
        if (!isInPlace) ring.set(part.subarray(done, done + bytes), end % RING);
        done += bytes;
        end += bytes;
        if (end % PIECE === 0) await pass();
      }
    },
    async written() {
      if (end > passed) await pass();
      await writing;
      await flushing;
    },
    digest: () => thread.digest(),
    async end() {
      await Promise.allSettled([writing, flushing, thread.end()]);
      await direct?.close();
      idle.push(memory);
    },
  };
}

async function openDirect(path: string): Promise<FileHandle | undefined> {
  // Neither every system has it nor every file system: what can be opened at all is open already.
  if (constants.O_DIRECT === undefined) return undefined;
  return open(path, constants.O_WRONLY | constants.O_DIRECT).catch(() => undefined);
}

declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer };
};

/** Memory of files that have ended, for the next: the collector does not see how large it is. */
const idle: SharedArrayBuffer[] = [];

/** It begins at a page, as disks want it, unless addresses are too scarce for WebAssembly's, which keep a distance. */
function allocate(): SharedArrayBuffer {
  const pages = RING / 65_536;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer;
  } catch {
    return new SharedArrayBuffer(RING);
  }
}
