import { stat } from 'node:fs/promises';
import { filesOfTree } from '../artifacts/trees.ts';
import type { LocalBlobs } from '../blobs/types.ts';
import type { Context } from '../context.ts';
import { type Digest, isDigest } from '../disk/digest.ts';
import { tolerate } from '../disk/files.ts';
import type { HolderFile } from '../leases/holder-files.ts';
import { eventLines, readRun, runIds } from '../runs/runs.ts';
import { readPins } from './pins.ts';

/** Larger ones are no lists of files. */
const LARGEST_MANIFEST = 64 << 20;

/** The keys that the last runs and all live runs use: what they planned, and what their events name as `key`. */
export async function keysOfRuns(
  context: Context,
  keepRuns: number,
  live: readonly HolderFile[],
): Promise<Set<Digest>> {
  const keys = new Set<Digest>();
  const living = new Set(live.map((holder) => holder.id));
  const newestFirst = (await runIds(context)).reverse();
  for (const [index, id] of newestFirst.entries()) {
    const run = await readRun(context, id);
    if (run === undefined || (index >= keepRuns && !living.has(run.holder))) continue;
    for (const key of Object.values(run.meta.plan)) if (isDigest(key)) keys.add(key);
    for await (const line of eventLines(context, id)) {
      for (const [, key] of line.matchAll(/"key":"(sha256:[0-9a-f]{64})"/g)) if (isDigest(key)) keys.add(key);
    }
  }
  return keys;
}

/** What pins name, and the files of pinned trees. Each may be a key or a blob: nothing tells them apart. */
export async function pinned(context: Context, blobs: LocalBlobs): Promise<Set<Digest>> {
  const targets = new Set((await readPins(context)).flatMap((pin) => pin.targets));
  for (const target of [...targets]) {
    const found = await tolerate(['ENOENT'], stat(blobs.path(target)));
    if (found === undefined || found.size > LARGEST_MANIFEST) continue;
    const files = await filesOfTree(blobs.path(target), target);
    for (const file of Object.values(files ?? {})) targets.add(file.digest);
  }
  return targets;
}
