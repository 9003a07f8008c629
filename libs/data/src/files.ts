import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { systemFailure, UserError } from '@sonde/base';
import type { ArtifactType } from '@sonde/pipeline';
import { canonicalJson, type Digest, digestOf, type Store } from '@sonde/store';
import type { DataName } from './data-name.ts';
import { type FolderReaders, isFolderType, readFolder } from './folders.ts';

/** A file or folder on this machine: which type it is taken for, and which of its files count. */
export interface Place {
  readonly type: ArtifactType;
  readonly path: string;
  /** Of a folder, relative to `path`. */
  readonly names?: readonly string[];
}

/** A file as it was when its digest was taken. */
interface KnownFile {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly before: BigIntStats;
}

/** The content of a place, and what tells that it is still the same. */
export interface Content {
  readonly digest: Digest;
  readonly files: readonly KnownFile[];
}

/** Finds what lies at a path and what it is, without reading more than it must. @throws UserError */
export async function findPlace(
  ref: Pick<DataName, 'ref' | 'types'>,
  path: string,
  readers: FolderReaders,
): Promise<Place> {
  const found = await stat(path).catch((error: unknown) => {
    throw new UserError('data', `\`${ref.ref}\`: ${whyUnreadable(error)}.`, `Looked for ${path}.`);
  });
  if (!found.isFile() && !found.isDirectory()) {
    throw new UserError(
      'data',
      `\`${ref.ref}\` is neither a file nor a folder (a pipe, socket or device).`,
      `Looked at ${path}.`,
    );
  }
  if (found.isFile()) return { type: typeOfFile(ref, path), path };
  return { path, ...(await readFolder(ref, readers, (reader) => reader.here(path))) };
}

/** Takes the digest of a place: a file's own, or one over the files of a folder that count. @throws UserError */
export async function contentOf({ path, names }: Place, store: Store): Promise<Content> {
  if (names === undefined) {
    const file = await readFile(path, store);
    return { digest: file.digest, files: [file] };
  }
  const files = await Promise.all(names.map((name) => readFile(join(path, name), store)));
  const entries = names.map((name, index) => {
    const { digest, size } = files[index]!;
    return [name, { digest, size }] as const;
  });
  return { digest: digestOfFiles(Object.fromEntries(entries)), files };
}

/**
 * The first file that is not what it was when its digest was taken. Size, modification time and inode tell; the
 * change time alone also moves when a hard link is made, so then the content decides.
 */
export async function changedFile({ files }: Content, store: Store): Promise<string | undefined> {
  for (const { path, digest, before } of files) {
    const now = await stat(path, { bigint: true }).catch(() => undefined);
    if (now === undefined) return path;
    if (now.size !== before.size || now.mtimeNs !== before.mtimeNs || now.ino !== before.ino) return path;
    if ((await store.digestOfFile(path)).digest !== digest) return path;
  }
  return undefined;
}

/** A file's own digest (under the empty name), or a folder's, in the form of the store's trees: the same in it and outside. */
export function digestOfFiles(
  files: Readonly<Record<string, { readonly digest: string; readonly size: number }>>,
): Digest {
  const single = files[''];
  return single === undefined ? digestOf(canonicalJson({ sonde: 'tree', files })) : (single.digest as Digest);
}

const EXTENSIONS: Readonly<Record<string, ArtifactType>> = {
  '.parquet': 'table',
  '.jsonl': 'table',
  '.ndjson': 'table',
  '.csv': 'table',
  '.tsv': 'table',
  '.safetensors': 'tensors',
  '.json': 'json',
  '.html': 'html',
};

/** Where a place takes several types, a file's ending tells; else `file`, else the place's first type. @throws UserError */
export function typeOfFile({ ref, types }: Pick<DataName, 'ref' | 'types'>, path: string): ArtifactType {
  const possible: readonly ArtifactType[] = types.filter((type) => !isFolderType(type));
  const byEnding = EXTENSIONS[extname(path).toLowerCase()];
  if (byEnding !== undefined && possible.includes(byEnding)) return byEnding;
  const type = possible.includes('file') ? 'file' : possible[0];
  if (type === undefined) throw new UserError('data', `\`${ref}\` is a file; a ${types.join(' or ')} is a folder.`);
  return type;
}

async function readFile(path: string, store: Store): Promise<KnownFile> {
  const before = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw new UserError('data', `${path}: ${whyUnreadable(error)}.`);
  });
  const { digest, size } = await store.digestOfFile(path);
  return { path, digest, size, before };
}

function whyUnreadable(error: unknown): string {
  const failure = systemFailure(error);
  if (failure === undefined) throw error;
  return failure.meaning;
}
