import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { BlobInfo } from '../disk/digest.ts';
import { type HashThread, LARGE, startHashThread } from './hash-thread.ts';

/** Bytes that are read at a time, and how many such pieces there are: one is used, one read, while others are hashed. */
const PIECE = 1 << 20;
const PIECES = 4;

/**
 * A file in parts, hashed on the way; a part stays as it is until the next is asked for. The last one comes once all is
 * known to have this size and digest; where it has not, it does not come, and false is returned.
 */
export async function* readHashed(path: string, { digest, size }: BlobInfo): AsyncGenerator<Uint8Array, boolean> {
  const file = await open(path, 'r');
  const memory = new SharedArrayBuffer(Math.min(size, PIECE * PIECES));
  const hash = size < LARGE ? hashHere(memory) : startHashThread(path, 0, memory);
  const hashed = new Array<Promise<void>>(PIECES).fill(Promise.resolve());
  /** Null where the file has become shorter. */
  const pieceAt = async (number: number): Promise<Uint8Array | null> => {
    await hashed[number % PIECES];
    const at = number * PIECE;
    const piece = new Uint8Array(memory, (number % PIECES) * PIECE, Math.min(PIECE, size - at));
    for (let filled = 0; filled < piece.length; ) {
      const { bytesRead } = await file.read(piece, filled, piece.length - filled, at + filled);
      if (bytesRead === 0) return null;
      filled += bytesRead;
    }
    return piece;
  };
  try {
    if ((await file.stat()).size !== size) return false;
    const last = Math.ceil(size / PIECE) - 1;
    let coming = last >= 0 ? pieceAt(0) : undefined;
    for (let number = 0; number <= last; number++) {
      const piece = await coming;
      if (!piece) return false;
      const hashing = hash.update(piece.byteOffset, piece.length);
      hashed[number % PIECES] = hashing;
      coming = number < last ? pieceAt(number + 1) : undefined;
      // Who needs the piece, or the digest, is told of a failure.
      for (const each of [hashing, coming]) each?.catch(() => undefined);
      if (number === last && (await hash.digest()) !== digest) return false;
      yield piece;
    }
    return size > 0 || (await hash.digest()) === digest;
  } finally {
    await Promise.all([file.close(), hash.end()]);
  }
}

function hashHere(memory: SharedArrayBuffer): HashThread {
  const hash = createHash('sha256');
  return {
    async update(offset, bytes) {
      hash.update(new Uint8Array(memory, offset, bytes));
    },
    digest: async () => `sha256:${hash.digest('hex')}`,
    end: async () => undefined,
  };
}
