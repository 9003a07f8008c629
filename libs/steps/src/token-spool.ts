import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { CaptureSite, TokenStates } from '@sonde/engine';

/** A token's place in the row index. */
export interface TokenRow {
  readonly promptId: string;
  readonly sample: number | null;
  readonly span: string;
  readonly position: number;
}

/**
 * Keeps the states of single tokens on disk while a model is running, in the order in which it gives them; memory holds
 * where each lies, and no state.
 */
export interface TokenSpool {
  add(token: TokenStates): void;
  /** Rows by prompt, in the order given; the prompt's tokens first, then each sample's, by position. */
  sorted(): readonly TokenRow[];
  /** A site's states in that order, in blocks of whole rows. */
  read(site: CaptureSite): AsyncGenerator<Float32Array>;
  close(): void;
}

/** Rows read at a time. */
const BLOCK_ROWS = 256;

const writeAll = (handle: number, bytes: Uint8Array, position: number): void => {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(handle, bytes, done, bytes.length - done, position + done);
  }
};

/**
 * @param file a path in a folder for temporary files
 * @param promptIds the order of prompts
 */
export const openTokenSpool = (file: string, promptIds: readonly string[]): TokenSpool => {
  const handle = openSync(file, 'w+');
  const order = new Map(promptIds.map((id, i) => [id, i]));
  const rows: (TokenRow & { readonly at: number })[] = [];
  /** Where each site begins in a row, and how many numbers it has: all rows are alike. */
  const places = new Map<CaptureSite, { readonly before: number; readonly size: number }>();
  let rowBytes = 0;
  let inOrder: readonly (TokenRow & { readonly at: number })[] | undefined;
  const sorted = (): readonly (TokenRow & { readonly at: number })[] => {
    inOrder ??= [...rows].sort(
      (a, b) =>
        order.get(a.promptId)! - order.get(b.promptId)! ||
        (a.sample ?? -1) - (b.sample ?? -1) ||
        a.position - b.position,
    );
    return inOrder;
  };
  return {
    sorted,
    add({ states, promptId, sample, span, position }) {
      const given = Object.entries(states) as [CaptureSite, Float32Array][];
      if (rows.length === 0) {
        for (const [site, { byteLength, length }] of given) {
          places.set(site, { before: rowBytes, size: length });
          rowBytes += byteLength;
        }
      }
      const at = rows.length * rowBytes;
      for (const [site, { buffer, byteOffset, byteLength }] of given) {
        writeAll(handle, new Uint8Array(buffer, byteOffset, byteLength), at + places.get(site)!.before);
      }
      rows.push({ promptId, sample, span, position, at });
      inOrder = undefined;
    },
    async *read(site) {
      const { before, size } = places.get(site) ?? { before: 0, size: 0 };
      const all = sorted();
      for (let start = 0; start < all.length; start += BLOCK_ROWS) {
        const some = all.slice(start, start + BLOCK_ROWS);
        const block = new Float32Array(some.length * size);
        some.forEach(({ at }, row) => {
          const into = new Uint8Array(block.buffer, row * size * 4, size * 4);
          const count = readSync(handle, into, 0, into.length, at + before);
          if (count !== into.length) throw new Error(`${file} was cut short while it was in use`);
        });
        yield block;
      }
    },
    close: () => closeSync(handle),
  };
};
