import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { BlobInfo } from '../disk/digest.ts';

/** Bytes that are read at a time; the next are on their way while some are used. */
const PIECE = 1 << 19;

/**
 * A file in parts, hashed on the way; a part stays as it is until the next is asked for. The last one comes once all is
 * known to have this size and digest; where it has not, it does not come, and false is returned.
 */
export async function* readHashed(path: string, { digest, size }: BlobInfo): AsyncGenerator<Uint8Array, boolean> {
  const file = await open(path, 'r');
  // Not in a thread of its own: to hash what is in the cache already costs less than to hand it over.
  const hash = createHash('sha256');
  const pieces = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(PIECE, size)));
  /** Null where the file has become shorter. */
  const read = async (number: number): Promise<Uint8Array | null> => {
    const at = number * PIECE;
    const piece = pieces[number % 2]!.subarray(0, size - at);
    for (let filled = 0; filled < piece.length; ) {
      const { bytesRead } = await file.read(piece, filled, piece.length - filled, at + filled);
      if (bytesRead === 0) return null;
      filled += bytesRead;
    }
    return piece;
  };
  const isWhole = () => `sha256:${hash.digest('hex')}` === digest;
  let coming: Promise<Uint8Array | null> | undefined;
  try {
    if ((await file.stat()).size !== size) return false;
    const last = Math.ceil(size / PIECE) - 1;
    if (last < 0) return isWhole();
    coming = read(0);
    for (let number = 0; number <= last; number++) {
      const piece = await coming;
      if (!piece) return false;
      coming = number < last ? read(number + 1) : undefined;
      // Who asks for the piece is told of a failure.
      coming?.catch(() => undefined);
      hash.update(piece);
      if (number === last && !isWhole()) return false;
      yield piece;
    }
    return true;
  } finally {
    await coming?.catch(() => undefined);
    await file.close();
  }
}
