import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UserError } from '@sonde/base';

/** Whole lines of a text file, with the number (from 1) of the first of them. */
export type LineBlock = { readonly bytes: Buffer; readonly firstLine: number };

/** Far under the longest string of a Node process (2^29 − 24 code units). */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Reads a UTF-8 file in blocks of whole lines, so that a file of any size is read with a few megabytes. A byte
 * order mark is dropped; lines keep their endings.
 *
 * @throws UserError with file and line if the bytes are not UTF-8 or a line is longer than 256 MiB.
 */
export async function* lineBlocks(path: string): AsyncGenerator<LineBlock> {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let line = 1;
  let first = true;
  const block = (bytes: Buffer): LineBlock => {
    const content = first ? withoutMark(path, bytes) : bytes;
    first = false;
    requireUtf8(path, content, line);
    const result = { bytes: content, firstLine: line };
    line += countLines(content);
    return result;
  };
  // No more than the file needs: of many small ones, buffers of full size would cost more than the reading.
  const highWaterMark = Math.max(4096, Math.min(1 << 20, (await stat(path)).size + 1));
  for await (const chunk of createReadStream(path, { highWaterMark }) as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield block(Buffer.concat([...carried, chunk.subarray(0, end)]));
      carried = [];
      carriedBytes = 0;
    }
    if (end < chunk.length) {
      carried.push(chunk.subarray(end));
      carriedBytes += chunk.length - end;
      if (carriedBytes > MAX_LINE_BYTES)
        throw new UserError('table', `${path}:${line}: the line is longer than 256 MiB; is this a text file?`);
    }
  }
  if (carriedBytes > 0) yield block(Buffer.concat(carried));
}

function withoutMark(path: string, bytes: Buffer): Buffer {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3);
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new UserError('table', `${path} is UTF-16 text; save it as UTF-8.`);
  }
  return bytes;
}

function requireUtf8(path: string, bytes: Buffer, firstLine: number): void {
  if (isUtf8(bytes)) return;
  let line = firstLine;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end;
  }
  throw new UserError('table', `${path}:${line}: not UTF-8 text; save the file as UTF-8.`);
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
