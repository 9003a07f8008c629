import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '@sonde/base';
import { type Digest, digestOf } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { tolerate } from '../disk/files.ts';
import { canonicalJson } from '../disk/json.ts';
import { fileOrFolder } from './kinds.ts';
import type { StoredArtifact, TreeFiles } from './types.ts';

/** The canonical JSON of this is a tree's blob; its digest is the tree's. */
export function treeManifest(files: TreeFiles): JsonObject {
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
    else {
      const path = join(folder, name);
      await fileOrFolder(path);
      if (!isSafeName(name)) throw new StoreError('io', `The file name of ${path} cannot be kept.`, { path });
      names.push(name);
    }
  }
  return names.sort();
}

/** A record may come from a stranger: its names must stay in the folder, and its digest must be that of its files. */
export function checkedFiles(artifact: StoredArtifact): TreeFiles {
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
