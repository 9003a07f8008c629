import { hash } from 'node:crypto';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that texts are sorted into, by the first bits of their digests. */
const FILES = 64;
/** Bytes of a file that are kept before they are written. */
const BUFFER = 1 << 17;
/** Bytes of texts that are looked at together, unless a single file has more. */
const ROUND = 1 << 25;
/** Texts of a file of which it is known that they stand in it. */
const KNOWN = 2048;
/** Row number, digest, length of the text that follows. */
const HEAD = 4 + 32 + 4;
const SEEN = 0xffffffff;

/** SHA-256 of a text's UTF-16 code units, in hex: halves of surrogate pairs are told apart. */
export function textDigest(text: string): string {
  return hash('sha256', Buffer.from(text, 'utf16le'), 'hex');
}

/** Some of a table's rows, with every row that has one of their texts. */
export interface Round {
  /** Each distinct text once, by its digest. */
  readonly texts: ReadonlyMap<string, string>;
  /** The rows of the table, by digest. */
  readonly rows: ReadonlyMap<string, readonly number[]>;
  /** How many rows. */
  readonly count: number;
}

/**
 * The texts of a table of any size, on the disk: what is in memory does not grow with the table. Equal texts come in the
 * same round.
 */
export interface TextSpill {
  add(row: number, text: string): Promise<void>;
  rounds(): AsyncGenerator<Round>;
}

interface File {
  readonly path: string;
  handle: FileHandle | undefined;
  pending: Buffer[];
  pendingBytes: number;
  bytes: number;
  known: Set<string>;
}

export function textSpill(folder: string): TextSpill {
  const files = Array.from({ length: FILES }, (_, at): File => {
    const path = join(folder, `texts-${at}`);
    return { path, handle: undefined, pending: [], pendingBytes: 0, bytes: 0, known: new Set() };
  });
  return {
    async add(row, text) {
      const digest = textDigest(text);
      const file = files[Number.parseInt(digest.slice(0, 2), 16) & (FILES - 1)]!;
      const seen = file.known.has(digest);
      if (!seen) {
        if (file.known.size === KNOWN) file.known = new Set();
        file.known.add(digest);
      }
      const record = Buffer.allocUnsafe(HEAD + (seen ? 0 : text.length * 2));
      record.writeUInt32LE(row, 0);
      record.write(digest, 4, 'hex');
      record.writeUInt32LE(seen ? SEEN : text.length * 2, HEAD - 4);
      if (!seen) record.write(text, HEAD, 'utf16le');
      file.pending.push(record);
      file.pendingBytes += record.length;
      file.bytes += record.length;
      if (file.pendingBytes >= BUFFER) await flush(file);
    },
    async *rounds() {
      for (let at = 0; at < FILES; ) {
        const group: File[] = [];
        for (let bytes = 0; at < FILES && (group.length === 0 || bytes + files[at]!.bytes <= ROUND); at++) {
          group.push(files[at]!);
          bytes += files[at]!.bytes;
        }
        const round = await readRound(group);
        if (round.count > 0) yield round;
      }
    },
  };
}

async function flush(file: File): Promise<void> {
  file.handle ??= await open(file.path, 'a');
  await file.handle.appendFile(Buffer.concat(file.pending));
  file.pending = [];
  file.pendingBytes = 0;
}

async function readRound(files: readonly File[]): Promise<Round> {
  const texts = new Map<string, string>();
  const rows = new Map<string, number[]>();
  let count = 0;
  for (const file of files) {
    const written = file.handle === undefined ? [] : [await readFile(file.path)];
    const bytes = Buffer.concat([...written, ...file.pending]);
    for (let at = 0; at < bytes.length; ) {
      const row = bytes.readUInt32LE(at);
      const digest = bytes.toString('hex', at + 4, at + HEAD - 4);
      const length = bytes.readUInt32LE(at + HEAD - 4);
      at += HEAD;
      if (length !== SEEN) {
        if (!texts.has(digest)) texts.set(digest, bytes.toString('utf16le', at, at + length));
        at += length;
      }
      const same = rows.get(digest);
      if (same === undefined) rows.set(digest, [row]);
      else same.push(row);
      count += 1;
    }
    await file.handle?.close();
    file.pending = [];
    file.known = new Set();
    await rm(file.path, { force: true });
  }
  return { texts, rows, count };
}
