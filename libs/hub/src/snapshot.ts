import { cachedListing, isHere, keepCommit, keepListing, placeFile, snapshotFolder } from './cache.ts';
import { downloadBlob } from './download.ts';
import { HubError } from './errors.ts';
import { askCommit, askListing, type HubFile } from './protocol.ts';
import { type HubReference, type HubRepo, isCommit, repoName } from './reference.ts';
import type { RequestHooks } from './request.ts';
import type { HubSettings } from './settings.ts';

export interface FetchHooks extends RequestHooks {
  /** Bytes that are here, of all that were asked for. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Files of one snapshot that are downloaded at a time. */
const AT_ONCE = 4;

/** The commit that a revision stands for now, asked of the hub and noted in the cache. @throws HubError */
export async function resolveCommit(
  settings: HubSettings,
  reference: HubReference,
  hooks: RequestHooks = {},
): Promise<string> {
  if (isCommit(reference.revision)) return reference.revision;
  if (settings.offline) {
    throw new HubError(
      'offline',
      `\`${repoName(reference.repo)}@${reference.revision}\` is not in the cache ${settings.cache}, and the network is forbidden.`,
      'Run once without --offline and HF_HUB_OFFLINE, or name a commit that is in the cache.',
    );
  }
  const commit = await askCommit(settings, reference, hooks);
  await keepCommit(settings, reference, commit);
  return commit;
}

/** The files of a commit: from the cache, else asked of the hub and kept. @throws HubError */
export async function listFiles(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  hooks: RequestHooks = {},
): Promise<readonly HubFile[]> {
  const known = await cachedListing(settings, repo, commit);
  if (known !== undefined) return known;
  if (settings.offline) {
    throw new HubError(
      'offline',
      `The files of ${repoName(repo)}@${commit} are not known, and the network is forbidden.`,
    );
  }
  const files = await askListing(settings, repo, commit, hooks);
  await keepListing(settings, repo, commit, files);
  return files;
}

/**
 * Brings files of a commit into its snapshot and returns the snapshot's folder. Files that are there already, from
 * whomever, are taken as they are; each downloaded one is whole and has the listing's digest. @throws HubError
 */
export async function fetchFiles(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  files: readonly HubFile[],
  hooks: FetchHooks = {},
): Promise<string> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    hooks.onProgress?.(done, total);
  };
  const over = new AbortController();
  const signal = hooks.signal === undefined ? over.signal : AbortSignal.any([hooks.signal, over.signal]);
  const queue = [...files];
  const takeTurns = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      if (await isHere(settings, repo, commit, file)) onBytes(file.size);
      else {
        await downloadBlob(settings, repo, commit, file, { ...hooks, signal, onBytes });
        await placeFile(settings, repo, commit, file);
      }
    }
  };
  await Promise.all(
    Array.from({ length: AT_ONCE }, () =>
      takeTurns().catch((error: unknown) => {
        over.abort(error);
      }),
    ),
  );
  hooks.signal?.throwIfAborted();
  if (over.signal.aborted) throw over.signal.reason;
  return snapshotFolder(settings, repo, commit);
}
