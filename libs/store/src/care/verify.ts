import { stat } from 'node:fs/promises';
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
import { quarantine } from '../quarantine.ts';
import { rebuildIndex } from '../results/index-files.ts';
import { countRecords, readRecord, recordKeys } from '../results/read.ts';
import type { ResultRecord } from '../results/types.ts';
import type { Problem, VerifyProgress, VerifyReport } from './types.ts';

/**
 * Reads everything: each blob against its digest, each record against its check, its key and its blobs, each tree
 * against its files. What is bad is quarantined (in a read-only store: only reported), so that it is a plain miss.
 */
export async function verifyStore(
  context: Context,
  blobs: BlobFolder,
  artifacts: Artifacts,
  onProgress: (progress: VerifyProgress) => void = () => {},
): Promise<VerifyReport> {
  const problems: Problem[] = [];
  const report = async (kind: Problem['kind'], path: string, problem: string, reason: string) => {
    const quarantined = await quarantine(context, path, reason);
    problems.push({ kind, path, problem, ...(quarantined === undefined ? {} : { quarantined }) });
  };

  let total = 0;
  for await (const _ of blobFiles(context)) total += 1;
  let [done, bytes] = [0, 0];
  for await (const { path, digest } of blobFiles(context)) {
    if (digest === undefined) await report('stray', path, 'not a blob by its name', 'stray');
    else {
      const found = await checkBlob(path, digest);
      if (found !== undefined) bytes += found.size;
      if (found?.problem !== undefined) await report('blob', path, found.problem, 'damaged');
    }
    done += 1;
    onProgress({ phase: 'blobs', done, total, bytes });
  }

  const records = await countRecords(context);
  let results = 0;
  for await (const key of recordKeys(context)) {
    const found = readRecord(context, key);
    const problem =
      found.state === 'bad' ? found.problem : found.state === 'good' ? await flaw(artifacts, found.record) : undefined;
    if (problem !== undefined) await report('result', context.layout.result(key), problem, 'damaged');
    results += 1;
    onProgress({ phase: 'results', done: results, total: records, bytes });
  }

  const trees = await treeDigests(context);
  for (const [index, digest] of trees.entries()) {
    const files = await filesOfTree(blobs.path(digest), digest);
    const path = context.layout.tree(digest);
    if (files === undefined) await report('tree', path, 'its list of files is missing', 'stray');
    else if (!(await treeIsWhole(path, files, () => false)))
      await report('tree', path, 'its files are not its own', 'damaged');
    onProgress({ phase: 'trees', done: index + 1, total: trees.length, bytes });
  }
  if (!context.readOnly && results > 0) await rebuildIndex(context);
  return { ok: problems.length === 0, blobs: total, bytes, results, trees: trees.length, problems };
}

async function checkBlob(path: string, digest: Digest): Promise<{ size: number; problem?: string } | undefined> {
  const found = await tolerate(['ENOENT'], stat(path));
  // Collected since it was listed.
  if (found === undefined) return undefined;
  if (!found.isFile()) return { size: 0, problem: 'not a file' };
  const content = await tolerate(['ENOENT'], digestFile(path));
  if (content === undefined || content.digest === digest) return { size: found.size };
  return { size: found.size, problem: `its content has the digest ${content.digest}` };
}

async function flaw(artifacts: Artifacts, record: ResultRecord): Promise<string | undefined> {
  if (digestOf(serialize(record.fingerprint)) !== record.key) return 'its fingerprint is not that of its key';
  const lost: string[] = [];
  for (const [name, artifact] of Object.entries(record.outputs)) {
    if (!isObtainable(await artifacts.presence(artifact))) lost.push(name);
  }
  return lost.length === 0 ? undefined : `content is missing or damaged: ${lost.join(', ')}`;
}
