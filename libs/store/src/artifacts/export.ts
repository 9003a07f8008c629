import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { BlobFolder } from '../blobs/folder.ts';
import { type Digest, digestFile } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { syncFile, syncFolder, tolerate } from '../disk/files.ts';
import { checkedFiles, filesBelow } from './trees.ts';
import type { StoredArtifact, TreeFiles } from './types.ts';

/** Copies an artifact out of the store: written beside the destination, checked, flushed, renamed. */
export async function exportArtifact(blobs: BlobFolder, artifact: StoredArtifact, destination: string): Promise<void> {
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
async function copyOut(blobs: BlobFolder, digest: Digest, path: string): Promise<void> {
  if ((await blobs.presence(digest)) !== 'here') await blobs.open(digest);
  const source = blobs.path(digest);
  await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  if ((await digestFile(path)).digest !== digest) {
    blobs.forget(digest);
    await blobs.open(digest);
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
