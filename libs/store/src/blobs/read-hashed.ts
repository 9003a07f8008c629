import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { BlobInfo } from '../disk/digest.ts';
import { type HashThread, LARGE, startHashThread } from './hash-thread.ts';

/** Bytes that are read at a time, and how many such pieces there are: one is used while others are being hashed. */
const PIECE = 1 << 19;
const PIECES = 6;

/**
 * A file in parts, hashed on the way; a part stays as it is until the next is asked for. The last one comes once all is
 * known to have this size and digest; where it has not, it does not come, and false is returned.
 */
export async function* readHashed(path: string, { digest, size }: BlobInfo): AsyncGenerator<Uint8Array, boolean> {
  const file = await open(path, 'r');
  const memory = new SharedArrayBuffer(Math.min(size, PIECE * PIECES));
  const hash = size < LARGE ? hashHere(memory) : startHashThread(path, 0, memory);
  const hashed = new Array<Promise<void>>(PIECES).fill(Promise.resolve());
  try {
    if ((await file.stat()).size !== size) return false;
    for (let at = 0, next = 0; at < size; next = (next + 1) % PIECES) {
      await hashed[next];
      const piece = new Uint8Array(memory, next * PIECE, Math.min(PIECE, size - at));
      for (let filled = 0; filled < piece.length; ) {
        const { bytesRead } = await file.read(piece, filled, piece.length - filled, at + filled);
        if (bytesRead === 0) return false;
        filled += bytesRead;
      }
      at += piece.length;
      const hashing = hash.update(piece.byteOffset, piece.length);
      // Who needs the piece again, or the digest, is told.
      hashing.catch(() => undefined);
      hashed[next] = hashing;
      if (at === size && (await hash.digest()) !== digest) return false;
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
