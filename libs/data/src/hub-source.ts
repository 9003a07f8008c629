import { existsSync } from 'node:fs';
import path from 'node:path';
import { memo, UserError } from '@sonde/base';
import {
  cachedCommit,
  cachedListing,
  type HubReference,
  type HubSettings,
  hubSettings,
  isCommit,
  parseReference,
  repoName,
  resolveCommit,
  snapshotFolder,
} from '@sonde/hub';
import type { DataName } from './data-name.ts';
import { findPlace, typeOfFile } from './files.ts';
import { type FolderReaders, type ListedFolder, readFolder } from './folders.ts';
import { openSnapshot } from './hub-snapshot.ts';
import type { LockFile } from './lock-file.ts';
import { DataUnknown } from './outside-data.ts';
import type { RemoteData, RemoteSource, ResolveHooks } from './remote.ts';

export interface HubSourceOptions {
  /** Where resolved revisions are looked up and written; nowhere where absent. */
  readonly lock?: LockFile;
  /** Refuse to resolve revisions that the lock does not have. */
  readonly frozen?: boolean;
  /** Use the cache alone. HF_HUB_OFFLINE says the same. */
  readonly offline?: boolean;
  readonly folders: FolderReaders;
}

/**
 * References to the hub. A reference's identity is known from the hub's listing and its small files; the large ones
 * (weights) are fetched when a task reads them, so that a cached result needs no download.
 */
export function createHubSource(options: HubSourceOptions): RemoteSource {
  const asked = new Map<string, Promise<string>>();
  return { describe: (ref, hooks) => describe(ref, options, asked, hooks) };
}

/** `hooks`: the hub may be asked, unless the settings forbid it. */
async function describe(
  ref: DataName,
  options: HubSourceOptions,
  asked: Map<string, Promise<string>>,
  hooks: ResolveHooks | undefined,
): Promise<RemoteData> {
  const settings = hubSettings(process.env, { offline: options.offline === true });
  const reference = parseReference(ref.target);
  const { repo } = reference;
  const name = `${repoName(repo)}@${reference.revision}`;
  // Once for all references to a revision: they cannot disagree, and it is told once.
  const asking = memo(asked, name, () => commitOf(name, ref, reference, settings, options, hooks));
  asking.catch(() => asked.delete(name));
  const commit = await asking;
  const identity = `${repoName(repo)}@${commit}${reference.path === '' ? '' : `/${reference.path}`}`;
  const place = path.join(snapshotFolder(settings, repo, commit), reference.path);

  const known = await cachedListing(settings, repo, commit);
  if (known === undefined && settings.offline) return asItLies(ref, identity, place, options);
  const snapshot = openSnapshot(settings, repo, commit, ref, hooks);
  const listing = known ?? (await snapshot.list());
  const byPath = new Map(listing.map((file) => [file.path, file]));

  const single = byPath.get(reference.path);
  const prefix = single !== undefined || reference.path === '' ? reference.path : `${reference.path}/`;
  const names = listing.filter((file) => file.path.startsWith(prefix)).map((file) => file.path.slice(prefix.length));
  if (names.length === 0) throw problem(ref, `has no file or folder ${reference.path}`);
  const fileNamed = (file: string) => byPath.get(prefix + file)!;
  const folder: ListedFolder = { label: ref.ref, names, read: (file) => snapshot.read(fileNamed(file)) };
  const chosen =
    single === undefined
      ? await readFolder(ref, options.folders, (reader) => reader.elsewhere(folder))
      : { type: typeOfFile(ref, single.path), names: [''] };
  const wanted = chosen.names.map(fileNamed);
  const digests = await Promise.all(wanted.map(snapshot.digestOf));
  return {
    type: chosen.type,
    identity,
    path: place,
    files: Object.fromEntries(chosen.names.map((file, at) => [file, { digest: digests[at]!, size: wanted[at]!.size }])),
    missing: () => snapshot.missing(wanted),
    fetch: (fetching) => snapshot.fetch(wanted, fetching),
  };
}

/** The commit: written in the reference, else in the lock, else asked for and written there. */
async function commitOf(
  name: string,
  ref: DataName,
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
    throw new DataUnknown(ref.ref, `which commit ${reference.revision} is will be asked when it runs`);
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
  ref: DataName,
  identity: string,
  place: string,
  { folders }: HubSourceOptions,
): Promise<RemoteData> {
  if (!existsSync(place)) {
    throw problem(
      ref,
      `is not in the cache (${place}), and the network is forbidden`,
      'Run once without --offline and HF_HUB_OFFLINE.',
    );
  }
  const { type } = await findPlace(ref, place, folders);
  return { type, identity, path: place, missing: async () => 0, fetch: async () => undefined };
}

function problem(ref: DataName, what: string, hint?: string): UserError {
  return new UserError('hub', `\`${ref.ref}\` ${what}.`, hint);
}
