import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Context } from '../context.ts';
import type { Key } from '../disk/digest.ts';
import { namesIn } from '../disk/files.ts';
import { recordInText } from './record.ts';
import type { ResultRecord } from './types.ts';

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
  const record = recordInText(text, key);
  if (typeof record === 'string') return { state: 'bad', file, problem: record };
  return { state: 'good', file, record };
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

export async function countRecords(context: Context): Promise<number> {
  let count = 0;
  for await (const _ of recordKeys(context)) count += 1;
  return count;
}
