import type { Digest, Key } from '../disk/digest.ts';

/** A result that may be removed. */
export interface Candidate {
  readonly key: Key;
  /** When it was last used, in milliseconds of the file system's clock. */
  readonly used: number;
  readonly blobs: readonly Digest[];
}

/**
 * Which candidates go. Without a budget all do; with one, the least recently used, until what is left fits.
 * `sizes`: the bytes of every blob there is. `wanted`: blobs that stay in any case.
 */
export function chooseRemovals(
  candidates: readonly Candidate[],
  sizes: ReadonlyMap<Digest, number>,
  wanted: ReadonlySet<Digest>,
  maxBytes: number | undefined,
): { readonly remove: readonly Candidate[]; readonly spare: readonly Candidate[] } {
  const ordered = [...candidates].sort((a, b) => a.used - b.used || (a.key < b.key ? -1 : 1));
  if (maxBytes === undefined) return { remove: ordered, spare: [] };
  const users = new Map<Digest, number>();
  for (const { blobs } of ordered) for (const digest of new Set(blobs)) users.set(digest, (users.get(digest) ?? 0) + 1);
  let bytes = 0;
  for (const [digest, size] of sizes) if (wanted.has(digest) || users.has(digest)) bytes += size;
  let count = 0;
  for (const { blobs } of ordered) {
    if (bytes <= maxBytes) break;
    for (const digest of new Set(blobs)) {
      const left = (users.get(digest) ?? 0) - 1;
      users.set(digest, left);
      if (left === 0 && !wanted.has(digest)) bytes -= sizes.get(digest) ?? 0;
    }
    count += 1;
  }
  return { remove: ordered.slice(0, count), spare: ordered.slice(count) };
}
