import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { UserError } from '@sonde/base';
import { type Digest, digestsOf, type Key, keyOf, type ResultRecord, recordInText } from '@sonde/store';
import yauzl from 'yauzl';
import {
  contentEntry,
  fileEntry,
  MANIFEST,
  MAX_ENTRIES,
  MAX_MANIFEST,
  type Manifest,
  readManifest,
  refused,
  resultEntry,
} from './manifest.ts';

/** Largest result record that is read, in bytes. */
const MAX_RECORD = 16 * 1024 * 1024;
/** Bytes that a zip file has of an entry beside its bytes and, twice, its name; and at most again, for large ones. */
const HEADERS = 30 + 46;
const MORE = 100;
const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const LINK = 0o120000;

/** A bundle whose directory is that of its manifest. Contents are checked as they are read. */
export interface Bundle {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly manifest: Manifest;
  /** The parts of a file or content; refuses, after the last, what is not of this digest. */
  parts(name: string, digest: Digest): AsyncGenerator<Buffer>;
  /** The record of a key, held against its check, its fingerprint and the contents of the bundle. */
  record(key: Key): Promise<ResultRecord>;
  close(): void;
}

/**
 * Opens a bundle and reads its directory and manifest.
 *
 * @throws UserError where it is no bundle, or one that cannot be believed
 */
export async function readBundle(file: string): Promise<Bundle> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined) throw new UserError('usage', `there is no bundle ${file}`);
  if (!found.isFile()) throw new UserError('usage', `${file} is not a file, so it is no bundle`);
  const name = path.basename(file);
  const zip = await yauzl
    .openPromise(file, { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true })
    .catch((error: Error) => Promise.reject(refused(name, `it is no zip file that can be read (${error.message})`)));
  try {
    const entries = await directoryOf(zip, name, found.size);
    const manifestEntry = entries.get(MANIFEST);
    if (manifestEntry === undefined) throw refused(name, `it has no ${MANIFEST}, so it is no bundle`);
    const manifest = readManifest(await textOf(zip, manifestEntry, MAX_MANIFEST, name), name);
    checkDirectory(entries, manifest, name);
    const contents = new Map(manifest.contents.map(({ digest, size }) => [digest, size]));
    return {
      path: file,
      size: found.size,
      manifest,
      async *parts(entry, digest) {
        const hash = createHash('sha256');
        for await (const part of partsOf(zip, entries.get(entry)!, name)) {
          hash.update(part);
          yield part;
        }
        if (`sha256:${hash.digest('hex')}` !== digest) throw refused(name, `${entry} is of other bytes than ${digest}`);
      },
      async record(key) {
        const text = await textOf(zip, entries.get(resultEntry(key))!, MAX_RECORD, name);
        const record = recordOf(text, key);
        if (typeof record === 'string') throw refused(name, `it has for ${key} ${record}`);
        checkSizes(record, contents, name);
        return record;
      },
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function directoryOf(zip: yauzl.ZipFile, name: string, size: number): Promise<Map<string, yauzl.Entry>> {
  if (zip.entryCount > MAX_ENTRIES) throw refused(name, `it says that it has ${zip.entryCount} entries`);
  if (zip.comment.length > 0) throw refused(name, 'it has a comment, which nothing in it knows of');
  const entries = new Map<string, yauzl.Entry>();
  let [total, begin, named] = [0, size, 0];
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName } = entry;
      if (entries.has(fileName)) throw refused(name, `it has two entries ${JSON.stringify(fileName)}`);
      const problem = problemOf(entry);
      if (problem !== undefined) throw refused(name, `${JSON.stringify(fileName)} ${problem}`);
      begin = Math.min(begin, entry.relativeOffsetOfLocalHeader);
      total += entry.uncompressedSize;
      named += 2 * entry.fileNameRaw.length;
      if (total > size)
        throw refused(name, 'its entries are larger than the file: they overlap, or its directory lies');
      entries.set(fileName, entry);
    }
    const other = size - total - named - HEADERS * entries.size;
    if (begin > 0 || other > MORE + MORE * entries.size)
      throw refused(name, `it has ${Math.max(begin, other)} bytes that belong to none of its entries`);
  } catch (error) {
    throw error instanceof UserError ? error : refused(name, `its directory is damaged (${(error as Error).message})`);
  }
  return entries;
}

/** What is wrong with an entry, whatever it holds. */
function problemOf(entry: yauzl.Entry): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type === LINK) return 'is a link';
  if (type !== 0 && type !== REGULAR) return 'is a folder or a device, not a file';
  if (entry.isEncrypted()) return 'is encrypted';
  // What is stored as it is cannot grow when it is read.
  if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize) return 'is compressed';
  return undefined;
}

/** The directory has what the manifest says, all of it, nothing else, and of these sizes. */
function checkDirectory(entries: ReadonlyMap<string, yauzl.Entry>, manifest: Manifest, bundle: string): void {
  const said = new Map<string, number | undefined>([[MANIFEST, undefined]]);
  for (const { path, size } of manifest.files) said.set(fileEntry(path), size);
  for (const { key } of manifest.results) said.set(resultEntry(key), undefined);
  for (const { digest, size } of manifest.contents) said.set(contentEntry(digest), size);
  for (const [name, entry] of entries) {
    if (!said.has(name)) throw refused(bundle, `its ${MANIFEST} does not know of ${JSON.stringify(name)}`);
    const size = said.get(name);
    if (size !== undefined && size !== entry.uncompressedSize)
      throw refused(bundle, `${JSON.stringify(name)} has ${entry.uncompressedSize} bytes, not ${size}`);
  }
  for (const name of said.keys())
    if (!entries.has(name)) throw refused(bundle, `${JSON.stringify(name)} is missing in it`);
}

/** The bytes of an entry, which must be those of its checksum: other programs go by that. */
async function* partsOf(zip: yauzl.ZipFile, entry: yauzl.Entry, bundle: string): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const part of await streamOf(zip, entry, bundle)) {
    sum = crc32(part as Buffer, sum);
    yield part as Buffer;
  }
  if (sum !== entry.crc32) throw refused(bundle, `${entry.fileName} is of other bytes than its checksum says`);
}

async function streamOf(zip: yauzl.ZipFile, entry: yauzl.Entry, bundle: string): Promise<Readable> {
  try {
    const header = await zip.readLocalFileHeaderPromise(entry);
    if (!header.fileName.equals(entry.fileNameRaw))
      throw new Error('its own header has another name than the directory');
    return await zip.openReadStreamPromise(entry);
  } catch (error) {
    throw refused(bundle, `${JSON.stringify(entry.fileName)} cannot be read (${(error as Error).message})`);
  }
}

async function textOf(zip: yauzl.ZipFile, entry: yauzl.Entry, limit: number, bundle: string): Promise<string> {
  if (entry.uncompressedSize > limit) throw refused(bundle, `${JSON.stringify(entry.fileName)} is too large`);
  const parts: Buffer[] = [];
  for await (const part of partsOf(zip, entry, bundle)) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function recordOf(text: string, key: Key): ResultRecord | string {
  try {
    const record = recordInText(text, key);
    if (typeof record === 'string') return record;
    return keyOf(record.fingerprint) === key ? record : 'a record whose fingerprint has another key';
  } catch (error) {
    return `a record that cannot be read (${(error as Error).message})`;
  }
}

function checkSizes(record: ResultRecord, contents: ReadonlyMap<Digest, number>, bundle: string): void {
  const missing = digestsOf(record).find((digest) => !contents.has(digest));
  if (missing !== undefined) throw refused(bundle, `${missing}, which a result of it needs, is missing in it`);
  for (const { digest, size, files } of Object.values(record.outputs)) {
    const single = files === undefined ? [{ digest, size }] : Object.values(files);
    if (single.some((one) => contents.get(one.digest) !== one.size))
      throw refused(bundle, `the result ${record.key} says another size than its contents have`);
  }
}
