import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { codeOf } from '@sonde/base';
import { HubError } from './errors.ts';
import type { HubFile } from './protocol.ts';
import { type HubReference, type HubRepo, isCommit, isInside } from './reference.ts';
import type { HubSettings } from './settings.ts';

// The layout of Hugging Face's own cache: blobs/<digest>, snapshots/<commit>/<path> → a relative link to a blob,
// refs/<revision> with a commit in it. Beside it `.sonde/<commit>.json` keeps a commit's listing, which cannot change.

function repoFolder({ cache }: HubSettings, { type, id }: HubRepo): string {
  return join(cache, `${type}s--${id.replace('/', '--')}`);
}

/** Where the files of a commit lie, whether they are there or not. */
export function snapshotFolder(settings: HubSettings, repo: HubRepo, commit: string): string {
  return join(repoFolder(settings, repo), 'snapshots', commit);
}

export function blobPath(settings: HubSettings, repo: HubRepo, file: HubFile): string {
  return join(repoFolder(settings, repo), 'blobs', file.blob);
}

/** The commit that the cache has for a revision: what it was when it was last asked for. */
export async function cachedCommit(
  settings: HubSettings,
  { repo, revision }: HubReference,
): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(repoFolder(settings, repo), 'refs', revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

export function keepCommit(settings: HubSettings, { repo, revision }: HubReference, commit: string): Promise<void> {
  return keep(join(repoFolder(settings, repo), 'refs', revision), commit);
}

export async function cachedListing(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
): Promise<readonly HubFile[] | undefined> {
  try {
    const { files }: { files: unknown } = JSON.parse(await readFile(listingPath(settings, repo, commit), 'utf8'));
    return Array.isArray(files) && files.every(isHubFile) ? files : undefined;
  } catch {
    return undefined;
  }
}

export function keepListing(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  files: readonly HubFile[],
): Promise<void> {
  return keep(listingPath(settings, repo, commit), JSON.stringify({ sonde: 1, commit, files }));
}

function listingPath(settings: HubSettings, repo: HubRepo, commit: string): string {
  return join(repoFolder(settings, repo), '.sonde', `${commit}.json`);
}

function isHubFile(value: unknown): value is HubFile {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    isInside(value.path) &&
    'blob' in value &&
    typeof value.blob === 'string' &&
    /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value.blob) &&
    'size' in value &&
    typeof value.size === 'number'
  );
}

/** Writes a small file whole or not at all. A cache that may only be read goes without: the hub is asked again. */
async function keep(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    if (!/^(EACCES|EPERM|EROFS)$/.test(codeOf(error) ?? '')) throw cacheFailure(error, path);
  }
}

/** Whether a file of a commit lies in its snapshot, with the size it must have. */
export async function isHere(settings: HubSettings, repo: HubRepo, commit: string, file: HubFile): Promise<boolean> {
  const found = await stat(join(snapshotFolder(settings, repo, commit), file.path)).catch(() => undefined);
  return found?.isFile() === true && found.size === file.size;
}

/** Gives a blob its name in a snapshot: a relative link, or a copy where links are refused. */
export async function placeFile(settings: HubSettings, repo: HubRepo, commit: string, file: HubFile): Promise<void> {
  if (await isHere(settings, repo, commit, file)) return;
  const blob = blobPath(settings, repo, file);
  const place = join(snapshotFolder(settings, repo, commit), file.path);
  const beside = `${place}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(place), { recursive: true });
    await symlink(relative(dirname(place), blob), beside).catch((error: unknown) => {
      if (codeOf(error) === 'ENOSPC') throw error;
      return copyFile(blob, beside);
    });
    await rename(beside, place);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw cacheFailure(error, place);
  }
}

/** A failure of the file system in words; anything else as it is. */
export function cacheFailure(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (error instanceof HubError || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'no space is left' : (error as Error).message;
  return new HubError(
    'cache',
    `The hub's cache cannot be written to at ${path}: ${why}.`,
    'HF_HOME or HF_HUB_CACHE names another folder; what was downloaded is kept.',
  );
}
