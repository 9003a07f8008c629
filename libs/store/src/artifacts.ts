import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Blobs } from './blobs.ts';
import type { Context } from './context.ts';
import { digestFile } from './digest.ts';
import { BlobDamaged, StoreError } from './errors.ts';
import { syncFile, syncFolder, tolerate } from './files.ts';
import { canonicalJson } from './json.ts';
import { filesBelow, isSafeName, materializeTree, type TreeFiles, treeDigest, treeManifest } from './trees.ts';
import type { BlobInfo, Digest, StoredArtifact } from './types.ts';

/** Stores a file, or a folder as a tree. Returns the artifact, whose blobs are all on disk then. */
export async function putArtifact(
  blobs: Blobs,
  type: string,
  path: string,
  options: { readonly move?: boolean } = {},
): Promise<StoredArtifact> {
  const found = await stat(path);
  if (!found.isDirectory()) return { type, ...(await blobs.putFile(path, options)) };
  const names = await filesBelow(path);
  if (names.length === 0) {
    throw new StoreError('io', `The folder ${path} holds no file.`, {
      hint: 'An output needs at least one file.',
      path,
    });
  }
  const entries: (readonly [string, BlobInfo])[] = [];
  for (const name of names) entries.push([name, await blobs.putFile(join(path, name), options)]);
  const files = Object.fromEntries(entries);
  const { digest } = await blobs.putText(canonicalJson(treeManifest(files)));
  return { type, digest, size: entries.reduce((sum, [, file]) => sum + file.size, 0), files };
}

/** Whether all blobs of an artifact are there, by name and size. */
export function artifactPresent(blobs: Blobs, artifact: StoredArtifact): boolean {
  if (artifact.files === undefined) return blobs.has(artifact.digest, artifact.size);
  return blobs.has(artifact.digest) && Object.values(artifact.files).every((file) => blobs.has(file.digest, file.size));
}

/** Reads all blobs of an artifact, so that all bad ones are set aside at once; then throws the first one's BlobDamaged. */
export async function checkArtifact(blobs: Blobs, artifact: StoredArtifact): Promise<void> {
  const digests = [artifact.digest, ...Object.values(artifact.files ?? {}).map((file) => file.digest)];
  let damaged: BlobDamaged | undefined;
  for (const digest of digests) {
    try {
      await blobs.openVerified(digest);
    } catch (error) {
      if (!(error instanceof BlobDamaged)) throw error;
      damaged ??= error;
    }
  }
  if (damaged !== undefined) throw damaged;
}

export async function materialize(context: Context, blobs: Blobs, artifact: StoredArtifact): Promise<string> {
  if (artifact.files === undefined) return blobs.openVerified(artifact.digest);
  return materializeTree(context, blobs, artifact.digest, checkedFiles(artifact));
}

/** Copies an artifact out of the store: written beside the destination, checked, flushed, renamed. */
export async function exportArtifact(blobs: Blobs, artifact: StoredArtifact, destination: string): Promise<void> {
  const target = resolve(destination);
  await mkdir(dirname(target), { recursive: true });
  const beside = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    if (artifact.files === undefined) {
      await copyOut(blobs, artifact.digest, beside);
      await rename(beside, target);
    } else {
      const files = checkedFiles(artifact);
      await refuseToReplaceOthers(target, files);
      for (const [name, file] of Object.entries(files)) {
        await mkdir(dirname(join(beside, name)), { recursive: true });
        await copyOut(blobs, file.digest, join(beside, name));
      }
      await replaceFolder(beside, target);
    }
    await syncFolder(dirname(target));
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** Checks the copy, which is what counts; the blob itself is read again only where the copy is bad. */
async function copyOut(blobs: Blobs, digest: Digest, path: string): Promise<void> {
  if (!blobs.has(digest)) await blobs.openVerified(digest);
  const source = blobs.path(digest);
  await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  if ((await digestFile(path)).digest !== digest) {
    blobs.forget(digest);
    await blobs.openVerified(digest);
    throw new StoreError('io', `The copy of ${source} at ${path} came out different.`, {
      hint: 'The blob is good; check the disk of the destination, then run again.',
      path,
    });
  }
  await chmod(path, 0o644);
  await syncFile(path);
}

async function replaceFolder(beside: string, target: string): Promise<void> {
  const old = `${beside}-old`;
  const moved = await tolerate(
    ['ENOENT'],
    rename(target, old).then(() => true),
  );
  try {
    await rename(beside, target);
  } catch (error) {
    if (moved) await rename(old, target);
    throw error;
  }
  if (moved) await rm(old, { recursive: true, force: true });
}

/** A folder is replaced whole, so nothing may be in it that an export did not put there. */
async function refuseToReplaceOthers(target: string, files: TreeFiles): Promise<void> {
  const found = await tolerate(['ENOENT'], stat(target));
  if (found === undefined || !found.isDirectory()) return;
  const strange = (await filesBelow(target)).find((name) => !Object.hasOwn(files, name));
  if (strange !== undefined) {
    throw new StoreError('io', `${target} holds ${strange}, which would be lost if the folder were replaced.`, {
      hint: 'Remove it, or name another destination.',
      path: target,
    });
  }
}

/** A record may come from a stranger: its names must stay in the folder, and its digest must be that of its files. */
function checkedFiles(artifact: StoredArtifact): TreeFiles {
  const files = artifact.files ?? {};
  const bad = Object.keys(files).find((name) => !isSafeName(name));
  if (bad !== undefined) {
    throw new StoreError('corrupt', `The file name ${JSON.stringify(bad)} of tree ${artifact.digest} leads out of it.`);
  }
  if (treeDigest(files) !== artifact.digest) {
    throw new StoreError('corrupt', `The files of tree ${artifact.digest} are not those that its digest names.`);
  }
  return files;
}
