import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { treeManifest } from '../artifacts/trees.ts';
import type { Artifacts, StoredArtifact } from '../artifacts/types.ts';
import type { BlobFolder } from '../blobs/folder.ts';
import { isObtainable } from '../blobs/presence.ts';
import type { Context } from '../context.ts';
import { parseChecked } from '../disk/checked.ts';
import { type Digest, digestFile, isDigest, type Key } from '../disk/digest.ts';
import { namesIn, publish, tolerate } from '../disk/files.ts';
import { canonicalJson, keyOf } from '../disk/json.ts';
import { damageOf, forgetDamage } from '../quarantine.ts';
import { readRecord } from '../results/read.ts';
import { isResultRecord } from '../results/record.ts';
import type { ResultRecord } from '../results/types.ts';
import type { Problem } from './types.ts';

/**
 * Makes content of a result that is lost again from what is left of it: the list of a tree from the record, a file of a
 * tree from its folder. What was mended is noted in `problems`.
 */
export async function restoreContent(
  context: Context,
  blobs: BlobFolder,
  record: ResultRecord,
  problems: Problem[],
): Promise<void> {
  for (const artifact of Object.values(record.outputs)) {
    for (const [digest, name] of contentOf(artifact)) {
      if (isObtainable(await blobs.presence(digest))) continue;
      const source =
        name === undefined
          ? await restoreList(blobs, artifact)
          : await restoreFile(blobs, digest, join(context.layout.tree(artifact.digest), name));
      if (source !== undefined) noteRepair(problems, 'blob', blobs.path(digest), `made again from ${source}`);
    }
  }
}

/** Every digest of a tree, with the name of its file; the tree's own list has none. A single file has no other source. */
function contentOf({ digest, files }: StoredArtifact): (readonly [Digest, string | undefined])[] {
  if (files === undefined) return [];
  return [[digest, undefined], ...Object.entries(files).map(([name, file]) => [file.digest, name] as const)];
}

async function restoreList(blobs: BlobFolder, { digest, files = {} }: StoredArtifact): Promise<string | undefined> {
  const made = await blobs.putText(canonicalJson(treeManifest(files)));
  return made.digest === digest ? 'the record' : undefined;
}

async function restoreFile(blobs: BlobFolder, digest: Digest, path: string): Promise<string | undefined> {
  const found = await tolerate(['ENOENT', 'ENOTDIR'], digestFile(path));
  if (found?.digest !== digest) return undefined;
  await blobs.putFile(path);
  return path;
}

/** Brings records back that were set aside for want of content which is there again. */
export async function reinstateResults(
  context: Context,
  blobs: BlobFolder,
  artifacts: Artifacts,
  problems: Problem[],
): Promise<void> {
  const { layout } = context;
  for (const name of await namesIn(layout.notes)) {
    const key = `sha256:${name.replace(/^result-|\.json$/g, '')}`;
    if (!name.startsWith('result-') || !isDigest(key) || readRecord(context, key).state !== 'none') continue;
    const moved = damageOf(layout, 'result', key)?.moved;
    const place = moved === undefined ? undefined : join(layout.quarantine, moved);
    const record = place === undefined ? undefined : await soundRecord(place, key);
    if (place === undefined || record === undefined) continue;
    await restoreContent(context, blobs, record, problems);
    const presences = await Promise.all(Object.values(record.outputs).map(artifacts.presence));
    if (!presences.every(isObtainable)) continue;
    await publish(place, layout.result(key));
    await forgetDamage(layout, 'result', key);
    noteRepair(problems, 'result', layout.result(key), 'brought back from quarantine: its content is there again');
  }
}

async function soundRecord(path: string, key: Key): Promise<ResultRecord | undefined> {
  const text = await tolerate(['ENOENT'], readFile(path, 'utf8'));
  const record = text === undefined ? undefined : parseChecked(text);
  return isResultRecord(record) && record.key === key && keyOf(record.fingerprint) === key ? record : undefined;
}

function noteRepair(problems: Problem[], kind: Problem['kind'], path: string, repaired: string): void {
  const index = problems.findIndex((problem) => problem.path === path);
  if (index < 0) problems.push({ kind, path, problem: 'was missing', repaired });
  else problems[index] = { ...problems[index]!, repaired };
}
