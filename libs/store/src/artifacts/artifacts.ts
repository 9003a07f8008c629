import { join } from 'node:path';
import type { BlobFolder } from '../blobs/folder.ts';
import { worstOf } from '../blobs/presence.ts';
import type { Blobs, Presence } from '../blobs/types.ts';
import type { Context } from '../context.ts';
import type { BlobInfo } from '../disk/digest.ts';
import { BlobDamaged, StoreError } from '../disk/errors.ts';
import { canonicalJson } from '../disk/json.ts';
import { exportArtifact } from './export.ts';
import { fileOrFolder } from './kinds.ts';
import { materializeTree } from './tree-folders.ts';
import { checkedFiles, filesBelow, treeManifest } from './trees.ts';
import type { Artifacts, StoredArtifact } from './types.ts';

export function createArtifacts(context: Context, blobs: BlobFolder): Artifacts {
  return {
    put: (type, path, options) => putArtifact(blobs, type, path, options),
    async open(artifact) {
      if (artifact.files === undefined) return blobs.open(artifact.digest);
      return materializeTree(context, blobs, artifact.digest, checkedFiles(artifact));
    },
    async openFile(artifact, name) {
      if (artifact.files === undefined) return blobs.open(artifact.digest);
      const file = name === undefined ? undefined : checkedFiles(artifact)[name];
      if (file === undefined) throw new TypeError(`The tree ${artifact.digest} has no file ${name}.`);
      return blobs.open(file.digest);
    },
    export: (artifact, destination) => exportArtifact(blobs, artifact, destination),
    presence: (artifact) => presenceOf(blobs, artifact),
    check: (artifact) => checkArtifact(blobs, artifact),
  };
}

/** Stores a file, or a folder as a tree. Returns the artifact, whose blobs are all on disk then. */
async function putArtifact(
  blobs: Blobs,
  type: string,
  path: string,
  options: { readonly move?: boolean } = {},
): Promise<StoredArtifact> {
  if ((await fileOrFolder(path)) === 'file') return { type, ...(await blobs.putFile(path, options)) };
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

/** The worst that is true of any blob of an artifact, wherever the blobs are. */
export async function presenceOf(
  blobs: Pick<Blobs, 'presence'>,
  { digest, size, files }: StoredArtifact,
): Promise<Presence> {
  if (files === undefined) return blobs.presence(digest, size);
  const parts = Object.values(files).map((file) => blobs.presence(file.digest, file.size));
  return worstOf(await Promise.all([blobs.presence(digest), ...parts]));
}

/** Reads all blobs of an artifact, so that all bad ones are set aside at once; then throws the first one's BlobDamaged. */
async function checkArtifact(blobs: Blobs, artifact: StoredArtifact): Promise<void> {
  const digests = [artifact.digest, ...Object.values(artifact.files ?? {}).map((file) => file.digest)];
  let damaged: BlobDamaged | undefined;
  for (const digest of digests) {
    try {
      await blobs.open(digest);
    } catch (error) {
      if (!(error instanceof BlobDamaged)) throw error;
      damaged ??= error;
    }
  }
  if (damaged !== undefined) throw damaged;
}
