import { readFile, stat } from 'node:fs/promises';
import { systemFailure } from '@sonde/base';
import { treeDigests, treeIsWhole } from '../artifacts/tree-folders.ts';
import { filesOfTree } from '../artifacts/trees.ts';
import type { Artifacts } from '../artifacts/types.ts';
import type { BlobFolder } from '../blobs/folder.ts';
import { blobFiles } from '../blobs/list.ts';
import { isObtainable } from '../blobs/presence.ts';
import type { Context } from '../context.ts';
import { type Digest, digestFile, digestOf } from '../disk/digest.ts';
import { tolerate } from '../disk/files.ts';
import { serialize } from '../disk/json.ts';
import { allSegments, checkedBody, PROBLEM, type Segment } from '../memos/segments.ts';
import { type Damage, quarantine } from '../quarantine.ts';
import { countRecords, readRecord, recordKeys } from '../results/read.ts';
import type { ResultRecord } from '../results/types.ts';
import { restoreContent } from './repair.ts';
import type { Problem, VerifyProgress } from './types.ts';

/** One reading of a whole store. */
export interface Check {
  readonly context: Context;
  readonly blobs: BlobFolder;
  readonly artifacts: Artifacts;
  readonly repair: boolean;
  /** What was found so far. */
  readonly problems: Problem[];
  readonly onProgress: (progress: VerifyProgress) => void;
}

/** Each blob against its digest. */
export async function checkBlobs(check: Check): Promise<{ readonly blobs: number; readonly bytes: number }> {
  let total = 0;
  for await (const _ of blobFiles(check.context)) total += 1;
  let [done, bytes] = [0, 0];
  for await (const { path, digest } of blobFiles(check.context)) {
    if (digest === undefined) await setAside(check, { what: 'stray', problem: 'not a blob by its name' }, path);
    else {
      const found = await reading(check, 'blob', path, () => readBlob(path, digest));
      bytes += found?.size ?? 0;
      if (found?.problem !== undefined) {
        await setAside(check, { what: 'blob', name: digest, problem: found.problem }, path);
      }
    }
    done += 1;
    check.onProgress({ phase: 'blobs', done, total, bytes });
  }
  return { blobs: total, bytes };
}

/** Each record against its check, its key and its blobs. */
export async function checkResults(check: Check, bytes: number): Promise<number> {
  const { context, blobs, artifacts, problems } = check;
  const total = await countRecords(context);
  let done = 0;
  for await (const key of recordKeys(context)) {
    const path = context.layout.result(key);
    const found = await reading(check, 'result', path, () => readRecord(context, key));
    if (found?.state === 'bad') await setAside(check, { what: 'result', name: key, problem: found.problem }, path);
    if (found?.state === 'good') {
      if (check.repair) await restoreContent(context, blobs, found.record, problems);
      const flaw = await flawOf(artifacts, found.record);
      if (flaw !== undefined) await setAside(check, { what: 'result', name: key, ...flaw }, path);
    }
    done += 1;
    check.onProgress({ phase: 'results', done, total, bytes });
  }
  return done;
}

/** Each tree against its files. */
export async function checkTrees(check: Check, bytes: number): Promise<number> {
  const { context, blobs } = check;
  const trees = await treeDigests(context);
  for (const [index, digest] of trees.entries()) {
    const files = await filesOfTree(blobs.path(digest), digest);
    const path = context.layout.tree(digest);
    const whole = files !== undefined && (await treeIsWhole(path, files, () => false));
    const problem = files === undefined ? 'its list of files is missing' : 'its files are not its own';
    if (!whole) await setAside(check, { what: 'tree', name: digest, problem }, path);
    check.onProgress({ phase: 'trees', done: index + 1, total: trees.length, bytes });
  }
  return trees.length;
}

/** Each file of values against its check. Gives how many values are sound. */
export async function checkMemos(check: Check, bytes: number): Promise<number> {
  const found: { readonly maker: Digest; readonly segment: Segment }[] = [];
  for await (const one of allSegments(check.context)) found.push(one);
  let values = 0;
  for (const [index, { maker, segment }] of found.entries()) {
    const { path, count } = segment;
    const content = await reading(check, 'memo', path, () => tolerate(['ENOENT'], readFile(path)));
    if (content !== undefined && checkedBody(content, maker) === undefined) {
      await setAside(check, { what: 'memo', problem: PROBLEM }, path);
    } else if (content !== undefined) values += count;
    check.onProgress({ phase: 'memos', done: index + 1, total: found.length, bytes });
  }
  return values;
}

async function setAside({ context, problems }: Check, damage: Damage, path: string): Promise<void> {
  const quarantined = await quarantine(context, path, damage);
  const { what: kind, problem } = damage;
  problems.push({ kind, path, problem, ...(quarantined === undefined ? {} : { quarantined }) });
}

/** What this user or this disk does not let be read is no proof of damage: it is named, and stays. */
async function reading<T>(
  { problems }: Check,
  kind: Problem['kind'],
  path: string,
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const failed = systemFailure(error);
    if (failed?.kind !== 'permission' && failed?.kind !== 'io') throw error;
    problems.push({ kind, path, problem: `it cannot be read: ${failed.meaning}` });
    return undefined;
  }
}

async function readBlob(path: string, digest: Digest): Promise<{ size: number; problem?: string } | undefined> {
  const found = await tolerate(['ENOENT'], stat(path));
  // Collected since it was listed.
  if (found === undefined) return undefined;
  if (!found.isFile()) return { size: 0, problem: 'not a file' };
  const content = await tolerate(['ENOENT'], digestFile(path));
  if (content === undefined || content.digest === digest) return { size: found.size };
  return { size: found.size, problem: `its content has the digest ${content.digest}` };
}

async function flawOf(
  artifacts: Artifacts,
  record: ResultRecord,
): Promise<Pick<Damage, 'problem' | 'outputs'> | undefined> {
  if (digestOf(serialize(record.fingerprint)) !== record.key) {
    return { problem: 'its fingerprint is not that of its key' };
  }
  const outputs: string[] = [];
  for (const [name, artifact] of Object.entries(record.outputs)) {
    if (!isObtainable(await artifacts.presence(artifact))) outputs.push(name);
  }
  if (outputs.length === 0) return undefined;
  return { problem: `content is missing or damaged: ${outputs.join(', ')}`, outputs };
}
