import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Blobs } from './blobs.ts';
import type { Context } from './context.ts';
import { digestFile, digestOf } from './digest.ts';
import { StoreError } from './errors.ts';
import { tolerate } from './files.ts';
import { canonicalJson } from './json.ts';
import { quarantine } from './quarantine.ts';
import type { Digest, Json, StoredArtifact } from './types.ts';
import { markUsed } from './use.ts';

export type TreeFiles = NonNullable<StoredArtifact['files']>;

/** The canonical JSON of this is a tree's blob; its digest is the tree's. */
export function treeManifest(files: TreeFiles): { readonly [field: string]: Json } {
  const entries = Object.entries(files).map(([name, { digest, size }]) => [name, { digest, size }] as const);
  return { sonde: 'tree', files: Object.fromEntries(entries) };
}

/** The digest of a tree of these files, in the store or outside. */
export function treeDigest(files: TreeFiles): Digest {
  return digestOf(canonicalJson(treeManifest(files)));
}

/** Whether a name of a tree's file stays inside the tree: relative, with `/`, without `.` and `..`. */
export function isSafeName(name: string): boolean {
  if (name === '' || name.includes('\0') || name.includes('\\')) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The files below a folder as names with `/`, sorted by UTF-16 code units. Links and special files are refused. */
export async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) names.push(...(await filesBelow(folder, name)));
    else if (entry.isFile() && isSafeName(name)) names.push(name);
    else {
      throw new StoreError('io', `${join(folder, name)} is neither a file nor a folder (a link, perhaps).`, {
        hint: 'Put the file itself there.',
        path: join(folder, name),
      });
    }
  }
  return names.sort();
}

/**
 * The folder of a tree's files, made whole beside and renamed into place. Its files are hard links to blobs, or copies
 * where links are refused. What is there already is checked; a bad one is set aside and made anew.
 */
export async function materializeTree(
  context: Context,
  blobs: Blobs,
  digest: Digest,
  files: TreeFiles,
): Promise<string> {
  const folder = context.layout.tree(digest);
  const sources: (readonly [string, string])[] = [];
  for (const [name, file] of Object.entries(files)) sources.push([name, await blobs.openVerified(file.digest)]);
  if (await usable(context, blobs, folder, files)) return folder;
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
  if (!(await usable(context, blobs, folder, files))) {
    throw new StoreError('io', `The folder ${folder} cannot be kept whole.`, {
      hint: 'Something else writes to the store; see that nothing does, then run again.',
      path: folder,
    });
  }
  return folder;
}

async function usable(context: Context, blobs: Blobs, folder: string, files: TreeFiles): Promise<boolean> {
  const found = await tolerate(['ENOENT'], stat(folder));
  if (found === undefined) return false;
  if (await treeIsWhole(folder, files, (digest, state) => blobs.isVerified(digest, state))) {
    if (!context.readOnly) await markUsed(folder, found);
    return true;
  }
  await quarantine(context, folder, 'damaged-tree');
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

/** The files that a tree's blob names; undefined where it is no such blob. */
export async function filesOfTree(path: string, digest: Digest): Promise<TreeFiles | undefined> {
  const text = await tolerate(['ENOENT'], readFile(path, 'utf8'));
  if (text === undefined || digestOf(text) !== digest) return undefined;
  try {
    const value = JSON.parse(text) as { sonde?: unknown; files?: TreeFiles };
    return value.sonde === 'tree' ? value.files : undefined;
  } catch {
    return undefined;
  }
}
