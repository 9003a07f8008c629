import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '@sonde/base';
import { artifactPresent } from './artifacts.ts';
import type { Blobs } from './blobs.ts';
import { checkedText, parseChecked } from './checked.ts';
import type { Context } from './context.ts';
import { BlobDamaged } from './errors.ts';
import { namesIn, publish, writeFlushed } from './files.ts';
import { canonicalJson, keyOf } from './json.ts';
import { quarantine } from './quarantine.ts';
import { isResultRecord } from './record.ts';
import type { Digest, Json, Key, ResultRecord } from './types.ts';
import { markUsed } from './use.ts';

/** What is found at a record's place. */
export type Found =
  | { readonly state: 'none' }
  | { readonly state: 'bad'; readonly file: Stats; readonly problem: string }
  | { readonly state: 'good'; readonly file: Stats; readonly record: ResultRecord };

/**
 * Reads and checks one record. Synchronous on purpose: a small file read so takes 40 µs, through the thread pool 200,
 * and a plan that finds everything done reads one for each task.
 */
export function readRecord(context: Context, key: Key): Found {
  let text: string;
  let file: Stats;
  let descriptor: number;
  try {
    descriptor = openSync(context.layout.result(key), 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return { state: 'none' };
    throw error;
  }
  try {
    file = fstatSync(descriptor);
    if (!file.isFile()) return { state: 'bad', file, problem: 'not a file' };
    text = readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  const record = parseChecked(text);
  if (record === undefined) return { state: 'bad', file, problem: 'cut off or changed: its check does not hold' };
  if (!isResultRecord(record)) return { state: 'bad', file, problem: 'not a result record' };
  if (record.key !== key) return { state: 'bad', file, problem: `the record of ${record.key}` };
  return { state: 'good', file, record };
}

export async function getResult(context: Context, key: Key): Promise<ResultRecord | undefined> {
  const found = readRecord(context, key);
  if (found.state === 'none') return undefined;
  const path = context.layout.result(key);
  if (found.state === 'bad') {
    await quarantine(context, path, 'damaged', found.file);
    return undefined;
  }
  if (!context.readOnly) await markUsed(path, found.file);
  return found.record;
}

/** Everything of a result is on disk when this returns; before that, none of it is visible. */
export async function putResult(context: Context, blobs: Blobs, record: ResultRecord): Promise<void> {
  const text = checkedText(JSON.parse(canonicalJson(plain(record))) as Json);
  if (!isResultRecord(parseChecked(text)))
    throw new TypeError('This is not a result record: a field is missing or wrong.');
  if (keyOf(record.fingerprint) !== record.key) {
    throw new TypeError(`The key ${record.key} is not the digest of the record's fingerprint.`);
  }
  for (const artifact of Object.values(record.outputs)) {
    // Garbage collection may have moved a blob aside to look at it; it puts back at once what is in use.
    for (let attempt = 0; attempt < 5 && !artifactPresent(blobs, artifact); attempt++) await delay(50);
    if (!artifactPresent(blobs, artifact)) {
      throw new BlobDamaged(artifact.digest, 'missing', context.layout.blob(artifact.digest));
    }
  }
  const temporary = (await context.holder()).temporary();
  try {
    await writeFlushed(temporary, text);
    await publish(temporary, context.layout.result(record.key));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Drops fields that are undefined, which `notes` may be for a caller without exact optional types. */
function plain(record: ResultRecord): Json {
  const { key, fingerprint, outputs, created, seconds, run, notes } = record;
  const described = Object.entries(outputs).map(([name, { type, digest, size, files }]) => [
    name,
    { type, digest, size, ...(files === undefined ? {} : { files }) },
  ]);
  const fields = { key, fingerprint, outputs: Object.fromEntries(described) as Json, created, seconds, run };
  return notes === undefined ? fields : { ...fields, notes };
}

/** The keys of all records by their file names, in order; what else lies there is passed over. */
export async function* recordKeys(context: Context): AsyncIterable<Key> {
  const { results } = context.layout;
  for (const shard of await shardsIn(results)) {
    for (const name of await namesIn(join(results, shard))) {
      if (/^[0-9a-f]{64}\.json$/.test(name) && name.startsWith(shard)) yield `sha256:${name.slice(0, -5)}`;
    }
  }
}

/** All good records; bad ones are passed over, and left to `verify`. */
export async function* allResults(context: Context): AsyncIterable<ResultRecord> {
  for await (const key of recordKeys(context)) {
    const found = readRecord(context, key);
    if (found.state === 'good') yield found.record;
  }
}

/** The two-digit folders below `results`. */
async function shardsIn(folder: string): Promise<string[]> {
  return (await namesIn(folder)).filter((name) => /^[0-9a-f]{2}$/.test(name));
}

/** Every digest that a record needs on disk. */
export function digestsOf(record: ResultRecord): Digest[] {
  return Object.values(record.outputs).flatMap((artifact) => [
    artifact.digest,
    ...Object.values(artifact.files ?? {}).map((file) => file.digest),
  ]);
}
