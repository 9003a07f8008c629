import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`;
/** The digest of a task's fingerprint. */
export type Key = Digest;

/** What is known of content without reading it. */
export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const CHUNK = 1 << 20;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST.test(value);
}

/** The 64 hex digits of a digest. Throws on anything else, so that no digest can become a path outside the store. */
export function hexOf(digest: Digest): string {
  if (!isDigest(digest))
    throw new TypeError(`${JSON.stringify(digest)} is not a digest ("sha256:" and 64 hex digits).`);
  return digest.slice(7);
}

/** SHA-256 of bytes, or of a text's UTF-8. */
export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** SHA-256 and size of a file's content, read once from start to end in pieces of 1 MiB. */
export async function digestFile(path: string): Promise<BlobInfo> {
  const file = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK);
    let size = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK, null);
      if (bytesRead === 0) break;
      hash.update(bytesRead === CHUNK ? chunk : chunk.subarray(0, bytesRead));
      size += bytesRead;
    }
    return { digest: `sha256:${hash.digest('hex')}`, size };
  } finally {
    await file.close();
  }
}
