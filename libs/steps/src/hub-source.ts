import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import type { RemoteData, RemoteSource, ResolveHooks } from '@sonde/executor';
import {
  cachedCommit,
  cachedListing,
  fetchFiles,
  type HubFile,
  type HubReference,
  type HubSettings,
  hubSettings,
  isCommit,
  isHere,
  listFiles as listHubFiles,
  parseReference,
  repoName,
  resolveCommit,
  snapshotFolder,
} from '@sonde/hub';
import type { ArtifactType, DataRef } from '@sonde/pipeline';
import type { LockFile } from './lock-file.ts';

export interface HubSourceOptions {
  /** Where resolved revisions are looked up and written; nowhere where absent. */
  readonly lock?: LockFile;
  /** Refuse to resolve revisions that the lock does not have. */
  readonly frozen?: boolean;
  /** Use the cache alone. HF_HUB_OFFLINE says the same. */
  readonly offline?: boolean;
  /** The relative paths that count in a folder of this type, or an error that says what is missing. */
  readonly listFiles: (type: ArtifactType, folder: string) => Promise<readonly string[]>;
}

/** Thrown to end a look that may not ask. */
class NotKnown extends Error {}

/**
 * References to the hub. A reference's identity is known from the hub's listing and its small files; the large ones
 * (weights) are fetched when a task reads them, so that a cached result needs no download.
 */
export function createHubSource(options: HubSourceOptions): RemoteSource {
  const asked = new Map<string, Promise<string>>();
  return {
    async locate(ref) {
      try {
        return await describe(ref, options, asked, undefined);
      } catch (error) {
        if (error instanceof NotKnown) return { unknown: error.message };
        throw error;
      }
    },
    resolve: (ref, hooks) => describe(ref, options, asked, hooks),
  };
}

/** `hooks`: the hub may be asked, unless the settings forbid it. */
async function describe(
  ref: DataRef,
  options: HubSourceOptions,
  asked: Map<string, Promise<string>>,
  hooks: ResolveHooks | undefined,
): Promise<RemoteData> {
  const settings = hubSettings(process.env, { offline: options.offline === true });
  const reference = parseReference(ref.target);
  const request = hooks && {
    signal: hooks.signal,
    onRetry: (message: string, seconds: number) => hooks.retry(ref.ref, message, seconds),
  };
  const { repo } = reference;
  const name = `${repoName(repo)}@${reference.revision}`;
  // Once for all references to a revision: they cannot disagree, and it is told once.
  const asking = asked.get(name) ?? commitOf(name, ref, reference, settings, options, hooks);
  asked.set(name, asking);
  asking.catch(() => asked.delete(name));
  const commit = await asking;
  const identity = `${repoName(repo)}@${commit}${reference.path === '' ? '' : `/${reference.path}`}`;
  const root = snapshotFolder(settings, repo, commit);

  const known = await cachedListing(settings, repo, commit);
  if (known === undefined && settings.offline) return asItLies(ref, identity, path.join(root, reference.path), options);
  if (known === undefined && request === undefined)
    throw new NotKnown('its files are not known before a run lists them');
  const listing = known ?? (await listHubFiles(settings, repo, commit, request));
  const byPath = new Map(listing.map((file) => [file.path, file]));

  /** The file in the snapshot, with the listing's bytes. */
  const bring = async (file: HubFile): Promise<Buffer> => {
    if (request === undefined && !(await isHere(settings, repo, commit, file))) {
      throw new NotKnown(`${file.path} is not here before a run fetches it`);
    }
    await fetchFiles(settings, repo, commit, [file], request ?? {});
    const bytes = await readFile(path.join(root, file.path));
    if (file.sha256 === undefined && gitDigest(bytes) !== file.blob) {
      throw new UserError(
        'hub',
        `${path.join(root, file.path)} is damaged: it is not what ${identity} lists.`,
        'Delete the file that it points to; the next run downloads it again.',
      );
    }
    return bytes;
  };
  const digestOf = async (file: HubFile) => ({
    digest: `sha256:${
      file.sha256 ??
      createHash('sha256')
        .update(await bring(file))
        .digest('hex')
    }`,
    size: file.size,
  });
  const remote = (type: ArtifactType, files: NonNullable<RemoteData['files']>, wanted: readonly HubFile[]) => ({
    type,
    identity,
    path: path.join(root, reference.path),
    files,
    fetch: async (fetching: Parameters<RemoteData['fetch']>[0]) => {
      const here = await Promise.all(wanted.map((file) => isHere(settings, repo, commit, file)));
      const progress = here.every(Boolean) ? {} : { onProgress: fetching.progress };
      await fetchFiles(settings, repo, commit, wanted, {
        signal: fetching.signal,
        onRetry: fetching.retry,
        ...progress,
      });
    },
  });

  const single = byPath.get(reference.path);
  if (single !== undefined) {
    const type = ref.types.find((type) => type !== 'model' && type !== 'adapter' && type !== 'scorer');
    if (type === undefined) throw problem(ref, `is a file; a ${ref.types.join(' or ')} is a folder`);
    return remote(type, { '': await digestOf(single) }, [single]);
  }
  const prefix = reference.path === '' ? '' : `${reference.path}/`;
  const names = listing.filter((file) => file.path.startsWith(prefix)).map((file) => file.path.slice(prefix.length));
  if (names.length === 0) throw problem(ref, `has no file or folder ${reference.path}`);
  const fileNamed = (file: string) => byPath.get(prefix + file)!;
  const folder = {
    label: ref.ref,
    names,
    read: (file: string) => bring(fileNamed(file)),
  };
  const { type, chosen } = await choose(ref, folder);
  const wanted = chosen.map(fileNamed);
  const digests = await Promise.all(wanted.map(digestOf));
  return remote(type, Object.fromEntries(chosen.map((file, index) => [file, digests[index]!])), wanted);
}

/** The commit: written in the reference, else in the lock, else asked for and written there. */
async function commitOf(
  name: string,
  ref: DataRef,
  reference: HubReference,
  settings: HubSettings,
  { lock, frozen }: HubSourceOptions,
  hooks: ResolveHooks | undefined,
): Promise<string> {
  if (isCommit(reference.revision)) return reference.revision;
  const locked = await lock?.get(name);
  if (locked !== undefined) {
    hooks?.resolved(name, locked, 'lock');
    return locked;
  }
  if (frozen === true) {
    throw problem(
      ref,
      `has no commit in ${lock?.path ?? 'a lock file'}, and --frozen refuses to resolve ${reference.revision} anew`,
      `Run once without --frozen, or write the commit: ${repoName(reference.repo)}@<40 hexadecimal digits>.`,
    );
  }
  if (hooks === undefined && !settings.offline) {
    throw new NotKnown(`which commit ${reference.revision} is will be asked when it runs`);
  }
  const cached = settings.offline ? await cachedCommit(settings, reference) : undefined;
  const commit =
    cached ??
    (await resolveCommit(settings, reference, {
      ...(hooks && { signal: hooks.signal, onRetry: (message, seconds) => hooks.retry(ref.ref, message, seconds) }),
    }));
  if (hooks !== undefined) {
    await lock?.set(name, commit);
    hooks.resolved(name, commit, cached === undefined ? 'hub' : 'cache');
  }
  return commit;
}

/** Offline, without a listing: what another program has put into the cache is taken as it lies, if it is complete. */
async function asItLies(
  ref: DataRef,
  identity: string,
  place: string,
  { listFiles }: HubSourceOptions,
): Promise<RemoteData> {
  if (!existsSync(place)) {
    throw problem(
      ref,
      `is not in the cache (${place}), and the network is forbidden`,
      'Run once without --offline and HF_HUB_OFFLINE.',
    );
  }
  const type = ref.types[0]!;
  const folder = ref.types.find((one) => one === 'model' || one === 'adapter' || one === 'scorer');
  if (folder !== undefined) await listFiles(folder, place);
  return { type: folder ?? type, identity, path: place, fetch: async () => undefined };
}

/** A folder of the hub: what it is called, its files, and a way to read one. */
type Listing = Parameters<typeof import('@sonde/checkpoints').remoteFolder>[0];

/** The first of the possible types that the folder is, with its files; where it is none, the first one's complaint. */
async function choose(ref: DataRef, listing: Listing): Promise<{ type: ArtifactType; chosen: readonly string[] }> {
  let complaint: unknown;
  const { listAdapterFiles, listModelFiles, remoteFolder } = await import('@sonde/checkpoints');
  for (const type of ref.types) {
    try {
      if (type === 'model') return { type, chosen: await listModelFiles(remoteFolder(listing)) };
      if (type === 'adapter') return { type, chosen: listAdapterFiles(remoteFolder(listing)) };
      if (type === 'scorer') return { type, chosen: await scorerFiles(ref, listing) };
      complaint ??= problem(ref, 'is a folder; expected a file', 'Name a file in it: hf:owner/name@revision/file.');
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      complaint ??= error;
    }
  }
  throw complaint;
}

async function scorerFiles(ref: DataRef, { names }: Listing): Promise<string[]> {
  const files = (await import('@sonde/scoring')).listScorerFiles('');
  const missing = files.find((name) => !names.includes(name));
  if (missing !== undefined) throw problem(ref, `is not a scorer: it has no ${missing}`);
  return files;
}

const problem = (ref: DataRef, what: string, hint?: string): UserError =>
  new UserError('hub', `\`${ref.ref}\` ${what}.`, hint);

/** What git calls a file's content: the SHA-1 of "blob <size>\\0" and its bytes. */
const gitDigest = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
