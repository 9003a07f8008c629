import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { ArtifactType, DataRef } from '@sonde/pipeline';
import { canonicalJson, type Digest, digestOf, type Store } from '@sonde/store';
import type { DataSources } from './step.ts';

/** A file from outside the graph as it was when its digest was taken. */
interface OutsideFile {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly before: BigIntStats;
}

/** What a data reference stands for: bytes with a digest, at a path outside the store or in its blobs. */
export interface OutsideData {
  readonly type: ArtifactType;
  readonly digest: Digest;
  /** Absent for `https:`: a blob named by its digest, once it is fetched. */
  readonly path?: string;
  readonly files: readonly OutsideFile[];
}

/** Data that a person named and that is not usable: missing, of the wrong form, changed, not reachable. */
export class DataProblem extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'DataProblem';
    this.hint = hint;
  }
}

/** Resolves each reference once: a graph of a thousand tasks names few files. */
export function createDataResolver(store: Store, sources: DataSources): (ref: DataRef) => Promise<OutsideData> {
  const resolved = new Map<string, Promise<OutsideData>>();
  return (ref) => {
    const name = `${ref.scheme}\0${ref.target}\0${ref.sha256 ?? ''}\0${ref.types.join()}`;
    let data = resolved.get(name);
    if (data === undefined) {
      data = resolveData(ref, store, sources);
      resolved.set(name, data);
    }
    return data;
  };
}

async function resolveData(ref: DataRef, store: Store, sources: DataSources): Promise<OutsideData> {
  switch (ref.scheme) {
    case 'path':
      return readPath(ref, ref.types, ref.target, store, sources);
    case 'embedded': {
      const found = await attempt(() => sources.resolveEmbedded(ref.target));
      if (!ref.types.includes(found.type)) {
        throw new DataProblem(`\`${ref.ref}\` is a ${found.type}; expected ${ref.types.join(' or ')}.`);
      }
      return readPath(ref, [found.type], found.path, store, sources);
    }
    case 'https':
      if (ref.sha256 === undefined) {
        throw new DataProblem(
          `\`${ref.ref}\` has no digest.`,
          'Write the SHA-256 of its content behind it: `https://…#sha256=<hex>`.',
        );
      }
      return {
        type: typeOfFile(addressOf(ref).pathname, ref.types),
        digest: `sha256:${ref.sha256.toLowerCase()}`,
        files: [],
      };
    case 'hf':
      throw new DataProblem(
        `\`${ref.ref}\`: references to the Hugging Face hub are not available in this version.`,
        'Download the files and name their folder by its path.',
      );
  }
}

function addressOf(ref: DataRef): URL {
  const address = `https://${ref.target.replace(/^(https:)?\/\//, '')}`;
  if (!URL.canParse(address)) throw new DataProblem(`\`${ref.ref}\` is not an address.`);
  return new URL(address);
}

async function readPath(
  ref: DataRef,
  types: readonly ArtifactType[],
  path: string,
  store: Store,
  sources: DataSources,
): Promise<OutsideData> {
  const found = await stat(path).catch((error: unknown) => {
    throw new DataProblem(`\`${ref.ref}\`: ${whyUnreadable(error)}.`, `Looked for ${path}.`);
  });
  if (found.isFile()) {
    const file = await readOutsideFile(path, store);
    return { type: typeOfFile(path, types), digest: file.digest, path, files: [file] };
  }
  const listed = await listFolder(ref, types, path, sources);
  const files = await Promise.all(listed.names.map((name) => readOutsideFile(join(path, name), store)));
  const entries = listed.names.map((name, index) => {
    const { digest, size } = files[index]!;
    return [name, { digest, size }] as const;
  });
  // The form of the store's trees: a folder has the same digest outside the store and in it.
  const tree = { sonde: 'tree', files: Object.fromEntries(entries) };
  return { type: listed.type, digest: digestOf(canonicalJson(tree)), path, files };
}

async function readOutsideFile(path: string, store: Store): Promise<OutsideFile> {
  const before = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw new DataProblem(`${path}: ${whyUnreadable(error)}.`);
  });
  const { digest, size } = await store.digestOfFile(path);
  return { path, digest, size, before };
}

/** The first of the possible types that the folder is; where it is none, the first one's complaint. */
async function listFolder(
  ref: DataRef,
  types: readonly ArtifactType[],
  path: string,
  sources: DataSources,
): Promise<{ type: ArtifactType; names: readonly string[] }> {
  let complaint: unknown;
  for (const type of types) {
    try {
      return { type, names: await sources.listFiles(type, path) };
    } catch (error) {
      complaint ??= error;
    }
  }
  throw asProblem(complaint ?? new Error(`\`${ref.ref}\` is a folder; expected a file.`));
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

/** Where a place takes several types, a file's ending tells; else `file`, else the place's first type. */
function typeOfFile(path: string, types: readonly ArtifactType[]): ArtifactType {
  const byEnding = EXTENSIONS[extname(path).toLowerCase()];
  if (byEnding !== undefined && types.includes(byEnding)) return byEnding;
  return types.includes('file') ? 'file' : types[0]!;
}

/**
 * The first file that is not what it was when its digest was taken. Size, modification time and inode tell; the
 * change time alone also moves when a hard link is made, so then the content decides.
 */
export async function changedFile(data: OutsideData, store: Store): Promise<string | undefined> {
  for (const { path, digest, before } of data.files) {
    const now = await stat(path, { bigint: true }).catch(() => undefined);
    if (now === undefined) return path;
    if (now.size !== before.size || now.mtimeNs !== before.mtimeNs || now.ino !== before.ino) return path;
    if ((await store.digestOfFile(path)).digest !== digest) return path;
  }
  return undefined;
}

async function attempt<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asProblem(error);
  }
}

function asProblem(error: unknown): DataProblem {
  if (error instanceof DataProblem) return error;
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
  return new DataProblem(error instanceof Error ? error.message : String(error), hint);
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it';
  return error instanceof Error ? error.message : String(error);
}
