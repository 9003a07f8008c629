import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { JsonValue } from '@sonde/base';
import type { Context } from '../context.ts';
import { type Digest, digestOf, hexOf } from '../disk/digest.ts';
import { namesIn, publish, tolerate, writeFlushed } from '../disk/files.ts';
import { markUsed } from '../disk/use.ts';
import { quarantine } from '../quarantine.ts';
import type { ContentHex } from './types.ts';

/** `<from>-<to>-<count>-<when>-<who>.jsonl`: which contents it may be about, how many, and which of two is newer. */
const NAME = /^([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-([0-9a-f]{12})-[0-9a-f]+\.\d+\.jsonl$/;
const PREFIX = 8;
const HEX = 64;

/** A file of values; it is written once and never changed. */
export interface Segment {
  readonly path: string;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly when: string;
}

export type Entry = readonly [content: ContentHex, value: JsonValue];

/** The segments of a maker's folder, the oldest first. */
export async function segmentsIn(folder: string): Promise<Segment[]> {
  const found = (await namesIn(folder)).flatMap((name): Segment[] => {
    const parts = NAME.exec(name);
    if (parts === null) return [];
    const [, from = '', to = '', count = '', when = ''] = parts;
    return [{ path: join(folder, name), name, from, to, count: Number(count), when }];
  });
  return found.sort((a, b) => (a.when < b.when ? -1 : a.when > b.when ? 1 : 0));
}

/** Writes a segment beside, flushes it, and renames it into place. */
export async function writeSegment(context: Context, maker: Digest, entries: readonly Entry[]): Promise<Segment> {
  const holder = await context.holder();
  const beside = holder.temporary();
  const lines = entries.map(([content, value]) => `${content} ${JSON.stringify(value)}\n`);
  const contents = entries.map(([content]) => content.slice(0, PREFIX)).sort();
  const [from = '', to = ''] = [contents[0], contents.at(-1)];
  const when = Date.now().toString(16).padStart(12, '0');
  const name = `${from}-${to}-${entries.length}-${when}-${holder.id}.${basename(beside)}.jsonl`;
  const path = join(context.layout.memo(maker), name);
  const body = lines.join('');
  await writeFlushed(beside, `${JSON.stringify({ check: digestOf(body), maker })}\n${body}`);
  await publish(beside, path);
  return { path, name, from, to, count: entries.length, when };
}

/** What follows the first line, if the file is whole and of this maker. */
export function checkedBody(bytes: Buffer, maker: Digest): Buffer | undefined {
  const end = bytes.indexOf(10);
  if (end < 0) return undefined;
  const body = bytes.subarray(end + 1);
  return bytes.subarray(0, end).toString() === JSON.stringify({ check: digestOf(body), maker }) ? body : undefined;
}

/**
 * Takes from a segment the values of wanted contents. One that is damaged is set aside, and gives none.
 * @returns how many of its values were wanted
 */
export async function readSegment(
  context: Context,
  maker: Digest,
  { path }: Segment,
  wanted: ReadonlySet<ContentHex>,
  into: Map<ContentHex, JsonValue>,
): Promise<number> {
  const state = await tolerate(['ENOENT'], stat(path));
  const bytes = state === undefined ? undefined : await tolerate(['ENOENT'], readFile(path));
  if (state === undefined || bytes === undefined) return 0;
  const body = checkedBody(bytes, maker);
  if (body === undefined) {
    await quarantine(context, path, { what: 'memo', problem: PROBLEM }, state);
    return 0;
  }
  let found = 0;
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(10, at);
    const content = body.toString('latin1', at, at + HEX);
    if (wanted.has(content)) {
      into.set(content, JSON.parse(body.toString('utf8', at + HEX + 1, end)) as JsonValue);
      found += 1;
    }
    at = end + 1;
  }
  if (found > 0 && !context.readOnly) await markUsed(path, state);
  return found;
}

export const PROBLEM = 'it is not what it was when it was written';

/** The makers that the store has values of. */
export async function makersIn(context: Context): Promise<Digest[]> {
  const names = await namesIn(context.layout.memos);
  return names.filter((name) => name.length === HEX).map((name): Digest => `sha256:${name}`);
}

/** Every segment of the store. */
export async function* allSegments(context: Context): AsyncGenerator<{ maker: Digest; segment: Segment }> {
  for (const maker of await makersIn(context)) {
    for (const segment of await segmentsIn(context.layout.memo(maker))) yield { maker, segment };
  }
}

/** Whether a segment may have a content between these, both included. */
export function overlaps({ from, to }: Segment, first: ContentHex, last: ContentHex): boolean {
  return from <= last.slice(0, PREFIX) && to >= first.slice(0, PREFIX);
}

/** As `leases/<key>` for one maker: under it, who makes what is agreed on. */
export function agreementOf(maker: Digest): Digest {
  return digestOf(`sonde memo ${hexOf(maker)}`);
}
