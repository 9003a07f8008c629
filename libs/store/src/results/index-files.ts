import { createHash } from 'node:crypto';
import { appendFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonValue } from '@sonde/base';
import type { Context } from '../context.ts';
import { isDigest, type Key } from '../disk/digest.ts';
import { tolerate } from '../disk/files.ts';
import { allResults, readRecord } from './read.ts';
import type { ResultRecord } from './types.ts';

/** So much of an index's end is read: several hundred results. */
const TAIL = 1 << 16;

/**
 * For each step kind a file `index/kind-….jsonl` with one line a result, newest last. It only helps to find what to
 * compare with: each key read here is looked up as any other. Lost or cut-off lines lose a comparison, never a hit.
 */
export async function appendToIndex(context: Context, record: ResultRecord): Promise<void> {
  const kind = record.fingerprint.kind;
  if (typeof kind !== 'string') return;
  try {
    // The line begins with a line break: the one before may have been cut off by a kill.
    await appendFile(indexFile(context, kind), `\n${JSON.stringify({ key: record.key })}\n`);
  } catch {
    // The result is published; that it is harder to find for an explanation must not fail it.
  }
}

export type Nearest = (kind: string, limit?: number) => Promise<ResultRecord[]>;

export function createNearest(context: Context): Nearest {
  const remembered = new Map<string, { stamp: string; records: ResultRecord[] }>();
  return async (kind, limit = 20) => {
    const path = indexFile(context, kind);
    const found = await tolerate(['ENOENT', 'ENOTDIR'], stat(path));
    if (found === undefined) return [];
    const stamp = `${found.ino} ${found.size} ${found.mtimeMs} ${limit}`;
    const known = remembered.get(kind);
    if (known?.stamp === stamp) return known.records;
    const records: ResultRecord[] = [];
    for (const key of await newestKeys(path)) {
      if (records.length >= limit) break;
      const record = readRecord(context, key);
      if (record.state === 'good' && record.record.fingerprint.kind === kind) records.push(record.record);
    }
    remembered.set(kind, { stamp, records });
    return records;
  };
}

/** Makes the indexes anew from the records, oldest first. */
export async function rebuildIndex(context: Context): Promise<void> {
  const kinds = new Map<string, { key: Key; created: string }[]>();
  for await (const { key, created, fingerprint } of allResults(context)) {
    if (typeof fingerprint.kind !== 'string') continue;
    const entries = kinds.get(fingerprint.kind) ?? [];
    entries.push({ key, created });
    kinds.set(fingerprint.kind, entries);
  }
  const holder = await context.holder();
  await mkdir(context.layout.index, { recursive: true });
  for (const [kind, entries] of kinds) {
    entries.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0));
    const beside = holder.temporary();
    try {
      await appendFile(beside, entries.map(({ key }) => `${JSON.stringify({ key })}\n`).join(''));
      await rename(beside, indexFile(context, kind));
    } finally {
      await rm(beside, { force: true });
    }
  }
}

async function newestKeys(path: string): Promise<Set<Key>> {
  const file = await open(path, 'r');
  let text: string;
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, TAIL));
    const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
    text = tail.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
  const keys = new Set<Key>();
  for (const line of text.split('\n').reverse()) {
    const key = keyIn(line);
    if (key !== undefined) keys.add(key);
  }
  return keys;
}

function keyIn(line: string): Key | undefined {
  try {
    const { key } = JSON.parse(line) as { key?: JsonValue };
    return isDigest(key) ? key : undefined;
  } catch {
    return undefined;
  }
}

/** A kind's name can hold `/` and be long: it is spelled as far as that is safe, and told apart by a digest. */
function indexFile(context: Context, kind: string): string {
  const spelled = kind.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 60);
  const digest = createHash('sha256').update(kind).digest('hex').slice(0, 8);
  return join(context.layout.index, `kind-${spelled}-${digest}.jsonl`);
}
