import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { Span, StateSite } from '../columns/states.ts';
import type { IndexRow } from './layout.ts';

/** The states of one token, as a model gives them. */
export interface SpooledToken {
  readonly promptId: string;
  readonly sample: number | null;
  readonly span: Span;
  readonly position: number;
  /** All tokens have the same sites; the arrays may be used again after the call. */
  readonly states: Readonly<Partial<Record<StateSite, Float32Array>>>;
}

/**
 * Keeps the states of single tokens on disk while a model is running, in the order in which it gives them; memory holds
 * where each lies, and no state.
 */
export interface TokenSpool {
  add(token: SpooledToken): void;
  /** Rows by prompt, in the order given; the prompt's tokens first, then each sample's, by position. */
  sorted(): readonly IndexRow[];
  /** A site's states in that order, in blocks of whole rows. */
  read(site: StateSite): AsyncGenerator<Float32Array>;
  close(): void;
}

type SpooledRow = IndexRow & { readonly position: number; readonly at: number };

/** Rows read at a time. */
const BLOCK_ROWS = 256;

/**
 * @param file a path in a folder for temporary files
 * @param promptIds the order of prompts
 */
export function openTokenSpool(file: string, promptIds: readonly string[]): TokenSpool {
  const handle = openSync(file, 'w+');
  const order = new Map(promptIds.map((id, i) => [id, i]));
  const rows: SpooledRow[] = [];
  /** Where each site begins in a row, and how many numbers it has: all rows are alike. */
  const places = new Map<StateSite, { readonly before: number; readonly size: number }>();
  let rowBytes = 0;
  let inOrder: readonly SpooledRow[] | undefined;
  function sorted(): readonly SpooledRow[] {
    inOrder ??= [...rows].sort(
      (a, b) =>
        order.get(a.prompt_id)! - order.get(b.prompt_id)! ||
        (a.sample ?? -1) - (b.sample ?? -1) ||
        a.position - b.position,
    );
    return inOrder;
  }
  return {
    sorted,
    add({ states, promptId, sample, span, position }) {
      const given = Object.entries(states) as [StateSite, Float32Array][];
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
      rows.push({ prompt_id: promptId, sample, span, position, at });
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
}

function writeAll(handle: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(handle, bytes, done, bytes.length - done, position + done);
  }
}
