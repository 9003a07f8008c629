import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { BlobFolder } from '../blobs/folder.ts';
import type { Context } from '../context.ts';
import { type Digest, digestFile } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { namesIn, tolerate } from '../disk/files.ts';
import { markUsed } from '../disk/use.ts';
import { quarantine } from '../quarantine.ts';
import { filesBelow } from './trees.ts';
import type { TreeFiles } from './types.ts';

/**
 * The folder of a tree's files, made whole beside and renamed into place. Its files are hard links to blobs, or copies
 * where links are refused. What is there already is checked; a bad one is set aside and made anew.
 */
export async function materializeTree(
  context: Context,
  blobs: BlobFolder,
  digest: Digest,
  files: TreeFiles,
): Promise<string> {
  const folder = context.layout.tree(digest);
  const sources: (readonly [string, string])[] = [];
  for (const [name, file] of Object.entries(files)) sources.push([name, await blobs.open(file.digest)]);
  if (await usable(context, blobs, digest, files)) return folder;
  const beside = (await context.holder()).temporary();
  try {
    await mkdir(beside);
    for (const [name, source] of sources) {
      const path = join(beside, name);
      await mkdir(dirname(path), { recursive: true });
      await linkOrCopy(source, path);
    }
    await mkdir(context.layout.trees, { recursive: true });
    try {
      await rename(beside, folder);
    } catch (error) {
      // Another process made it meanwhile.
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
    }
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  if (!(await usable(context, blobs, digest, files))) {
    throw new StoreError('io', `The folder ${folder} cannot be kept whole.`, {
      hint: 'Something else writes to the store; see that nothing does, then run again.',
      path: folder,
    });
  }
  return folder;
}

async function usable(context: Context, blobs: BlobFolder, digest: Digest, files: TreeFiles): Promise<boolean> {
  const folder = context.layout.tree(digest);
  const found = await tolerate(['ENOENT'], stat(folder));
  if (found === undefined) return false;
  if (await treeIsWhole(folder, files, (file, state) => blobs.isVerified(file, state))) {
    if (!context.readOnly) await markUsed(folder, found);
    return true;
  }
  await quarantine(context, folder, { what: 'tree', name: digest, problem: 'its files are not its own' });
  return false;
}

/** Whether a folder holds these files and no others, each with its content. `known` spares reading what is known. */
export async function treeIsWhole(
  folder: string,
  files: TreeFiles,
  known: (digest: Digest, state: { ino: number; mtimeMs: number; size: number }) => boolean,
): Promise<boolean> {
  try {
    const names = await filesBelow(folder);
    if (names.length !== Object.keys(files).length) return false;
    for (const name of names) {
      const expected = Object.hasOwn(files, name) ? files[name] : undefined;
      if (expected === undefined) return false;
      const path = join(folder, name);
      const state = await stat(path);
      if (state.size !== expected.size) return false;
      if (!known(expected.digest, state) && (await digestFile(path)).digest !== expected.digest) return false;
    }
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || error instanceof StoreError) return false;
    throw error;
  }
}

async function linkOrCopy(source: string, destination: string): Promise<void> {
  try {
    await link(source, destination);
  } catch (error) {
    // What a file system without hard links, or with too many of this file, answers.
    const refusals = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EACCES', 'EINVAL'];
    if (!refusals.includes(codeOf(error) ?? '')) throw error;
    await copyFile(source, destination, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(destination, 0o444);
  }
}

/** The trees that are materialised. */
export async function treeDigests(context: Context): Promise<Digest[]> {
  const names = await namesIn(context.layout.trees);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name): Digest => `sha256:${name}`);
}
