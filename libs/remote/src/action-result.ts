import type { Digest } from '@sonde/store';
import { PbfReader, PbfWriter } from 'pbf';

// The little of Bazel's Remote Execution API (build.bazel.remote.execution.v2, ActionResult) that a cache looks at: the
// contents that an entry names, so that a server which checks entries drops those whose contents it has lost. Our own
// record travels in `stdout_raw`.

const OUTPUT_FILES = 2;
const STDOUT_RAW = 5;
const [FILE_PATH, FILE_DIGEST] = [1, 2];
const [DIGEST_HASH, DIGEST_SIZE] = [1, 2];

interface Content {
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
}

/** An `ActionResult` that names contents, with their sizes, and carries a record. */
export function encodeActionResult(contents: ReadonlyMap<Digest, number>, record: string): Uint8Array {
  const pbf = new PbfWriter();
  for (const [digest, size] of contents) {
    pbf.writeMessage(OUTPUT_FILES, writeFile, { hash: digest.slice('sha256:'.length), size });
  }
  pbf.writeBytesField(STDOUT_RAW, Buffer.from(record));
  return pbf.finish();
}

function writeFile(content: Content, pbf: PbfWriter): void {
  pbf.writeStringField(FILE_PATH, content.hash);
  pbf.writeMessage(FILE_DIGEST, writeDigest, content);
}

function writeDigest({ hash, size }: Content, pbf: PbfWriter): void {
  pbf.writeStringField(DIGEST_HASH, hash);
  // A field that is 0 is left out.
  if (size > 0) pbf.writeVarintField(DIGEST_SIZE, size);
}

/** The record that an `ActionResult` carries; undefined where the bytes are none, or carry none. */
export function recordOfActionResult(bytes: Uint8Array): string | undefined {
  let carried: Uint8Array | undefined;
  try {
    new PbfReader(bytes).readFields((field, _, pbf) => {
      if (field === STDOUT_RAW && carried === undefined) carried = pbf.readBytes();
    }, undefined);
  } catch {
    return undefined;
  }
  return carried && new TextDecoder().decode(carried);
}
