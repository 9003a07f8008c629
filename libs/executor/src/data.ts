import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UserError } from '@sonde/base';
import type { ArtifactType, DataRef } from '@sonde/pipeline';
import { canonicalJson, type Digest, digestOf, type Store } from '@sonde/store';
import PQueue from 'p-queue';
import type { DataSources, FetchHooks, RemoteData, ResolveHooks } from './step.ts';

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
  /** Absent for `https:`: a blob named by its digest, once it is fetched; and for `remote` data. */
  readonly path?: string;
  readonly files: readonly OutsideFile[];
  /** Set for data whose bytes are brought here, and checked, when a task reads them. */
  readonly remote?: RemoteData;
}

/** What a reference stands for can only be known by asking another machine, which planning does not do. */
export class DataUnknown extends Error {
  readonly ref: string;
  constructor(ref: string, why: string) {
    super(why);
    this.name = 'DataUnknown';
    this.ref = ref;
  }
}

/** References that another machine is asked about at a time. */
const ASKING = 8;

/**
 * Resolves each reference once: a graph of a thousand tasks names few files. `ask`: other machines may be asked; without
 * it the resolver throws `DataUnknown` for what only they can tell.
 */
export function createDataResolver(
  store: Store,
  sources: DataSources,
  ask?: ResolveHooks,
): (ref: DataRef) => Promise<OutsideData> {
  const asking = new PQueue({ concurrency: ASKING });
  const resolved = new Map<string, Promise<OutsideData>>();
  return (ref) => {
    const name = `${ref.scheme}\0${ref.target}\0${ref.sha256 ?? ''}\0${ref.types.join()}`;
    let data = resolved.get(name);
    if (data === undefined) {
      data =
        ref.scheme === 'hf'
          ? asking.add(() => describeRemote(ref, store, sources, ask))
          : resolveData(ref, store, sources);
      resolved.set(name, data);
    }
    return data;
  };
}

async function describeRemote(
  ref: DataRef,
  store: Store,
  sources: DataSources,
  ask: ResolveHooks | undefined,
): Promise<OutsideData> {
  const { remote } = sources;
  if (remote === undefined) throw new UserError('data', `\`${ref.ref}\`: there is no source for such references here.`);
  const found = await attempt(() => (ask === undefined ? remote.locate(ref) : remote.resolve(ref, ask))).catch(
    (error: unknown) => {
      if (ask?.signal.aborted === true) throw new DataUnknown(ref.ref, 'the run was interrupted');
      throw error;
    },
  );
  if ('unknown' in found) throw new DataUnknown(ref.ref, found.unknown);
  if (found.files === undefined) return readPath(ref, [found.type], found.path, store, sources);
  return { type: found.type, digest: digestOfFiles(found.files), files: [], remote: found };
}

/** Brings remote data here and checks that it is what its listing said. */
export async function fetchRemote(
  ref: string,
  remote: RemoteData,
  hooks: FetchHooks,
  store: Store,
  sources: DataSources,
): Promise<OutsideData> {
  await attempt(() => remote.fetch(hooks));
  const data = await readPath({ ref }, [remote.type], remote.path, store, sources);
  for (const [name, { digest }] of Object.entries(remote.files ?? {})) {
    const path = name === '' ? remote.path : join(remote.path, name);
    const file = data.files.find((one) => one.path === path);
    if (file !== undefined && file.digest !== digest) {
      throw new UserError(
        'data',
        `${path} is damaged: its digest is ${file.digest}, and \`${remote.identity}\` has ${digest}.`,
        'Delete the file that it points to; the next run downloads it again.',
      );
    }
  }
  if (remote.files !== undefined && data.digest !== digestOfFiles(remote.files)) {
    throw new UserError('data', `${remote.path} does not hold what \`${remote.identity}\` lists.`);
  }
  return data;
}

async function resolveData(ref: DataRef, store: Store, sources: DataSources): Promise<OutsideData> {
  switch (ref.scheme) {
    case 'path':
      return readPath(ref, ref.types, ref.target, store, sources);
    case 'embedded': {
      const found = await attempt(() => sources.resolveEmbedded(ref.target));
      if (!ref.types.includes(found.type)) {
        throw new UserError('data', `\`${ref.ref}\` is a ${found.type}; expected ${ref.types.join(' or ')}.`);
      }
      return readPath(ref, [found.type], found.path, store, sources);
    }
    case 'https':
      if (ref.sha256 === undefined) {
        throw new UserError(
          'data',
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
      throw new Error(`${ref.ref} is described by its source.`);
  }
}

function addressOf(ref: DataRef): URL {
  const address = `https://${ref.target.replace(/^(https:)?\/\//, '')}`;
  if (!URL.canParse(address)) throw new UserError('data', `\`${ref.ref}\` is not an address.`);
  return new URL(address);
}

async function readPath(
  ref: Pick<DataRef, 'ref'>,
  types: readonly ArtifactType[],
  path: string,
  store: Store,
  sources: DataSources,
): Promise<OutsideData> {
  const found = await stat(path).catch((error: unknown) => {
    throw new UserError('data', `\`${ref.ref}\`: ${whyUnreadable(error)}.`, `Looked for ${path}.`);
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
  return { type: listed.type, digest: digestOfFiles(Object.fromEntries(entries)), path, files };
}

/** A file's own digest (under the empty name), or a folder's, in the form of the store's trees: the same in it and outside. */
function digestOfFiles(files: NonNullable<RemoteData['files']>): Digest {
  const single = files[''];
  return single === undefined ? digestOf(canonicalJson({ sonde: 'tree', files })) : (single.digest as Digest);
}

async function readOutsideFile(path: string, store: Store): Promise<OutsideFile> {
  const before = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw new UserError('data', `${path}: ${whyUnreadable(error)}.`);
  });
  const { digest, size } = await store.digestOfFile(path);
  return { path, digest, size, before };
}

/** The first of the possible types that the folder is; where it is none, the first one's complaint. */
async function listFolder(
  ref: Pick<DataRef, 'ref'>,
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

function asProblem(error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError('data', error instanceof Error ? error.message : String(error));
}

function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it';
  return error instanceof Error ? error.message : String(error);
}
