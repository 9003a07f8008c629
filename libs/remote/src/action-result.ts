import type { BlobInfo, Digest } from '@sonde/store';

// The little of Bazel's Remote Execution API (build.bazel.remote.execution.v2, ActionResult) that a cache looks at: the
// contents that an entry names, so that a server which checks entries drops those whose contents it has lost. Our own
// record travels in `stdout_raw`. Protocol buffers: a field is a varint tag (number << 3 | type), then a varint (type 0) or
// a length and so many bytes (type 2).

const OUTPUT_FILES = 2;
const STDOUT_RAW = 5;
const [FILE_PATH, FILE_DIGEST] = [1, 2];
const [DIGEST_HASH, DIGEST_SIZE] = [1, 2];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function bytesField(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function digestMessage({ digest, size }: BlobInfo): Buffer {
  const hash = bytesField(DIGEST_HASH, Buffer.from(digest.slice('sha256:'.length)));
  return size === 0 ? hash : Buffer.concat([hash, varint(DIGEST_SIZE * 8), varint(size)]);
}

/** An `ActionResult` that names contents and carries a record. */
export function encodeActionResult(contents: ReadonlyMap<Digest, number>, record: string): Buffer {
  const files = [...contents].map(([digest, size]) =>
    bytesField(
      OUTPUT_FILES,
      Buffer.concat([
        bytesField(FILE_PATH, Buffer.from(digest.slice('sha256:'.length))),
        bytesField(FILE_DIGEST, digestMessage({ digest, size })),
      ]),
    ),
  );
  return Buffer.concat([...files, bytesField(STDOUT_RAW, Buffer.from(record))]);
}

/** The record that an `ActionResult` carries; undefined where the bytes are none, or carry none. */
export function recordOfActionResult(bytes: Uint8Array): string | undefined {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++];
      if (byte === undefined || factor > Number.MAX_SAFE_INTEGER / 0x80) return Number.NaN;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number();
    const type = tag % 8;
    if (type === 0) {
      if (Number.isNaN(number())) return undefined;
      continue;
    }
    const length = type === 2 ? number() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
    if (!(length <= bytes.length - at)) return undefined;
    if (type === 2 && Math.floor(tag / 8) === STDOUT_RAW) {
      return new TextDecoder().decode(bytes.subarray(at, at + length));
    }
    at += length;
  }
  return undefined;
}
