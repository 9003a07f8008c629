import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { blobPath, cacheFailure } from './cache.ts';
import { HubError } from './errors.ts';
import { claimPartial } from './partial.ts';
import { explain, fileAddress, type HubFile } from './protocol.ts';
import { type HubRepo, repoName } from './reference.ts';
import { get, hostOf, networkFailure, type RequestHooks, Transient, withRetries } from './request.ts';
import type { HubSettings } from './settings.ts';

export interface DownloadHooks extends RequestHooks {
  /** Bytes that are here now and were not before; negative where some had to be thrown away. */
  readonly onBytes?: (bytes: number) => void;
}

/** Downloads under way in this process: two revisions often share a file. */
const underWay = new Map<string, Promise<void>>();

/**
 * Brings a file's bytes into the cache's blobs, whole and checked against its digest, or not at all. What an earlier
 * attempt has left is gone on with. @throws HubError
 */
export async function downloadBlob(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  file: HubFile,
  hooks: DownloadHooks,
): Promise<void> {
  const blob = blobPath(settings, repo, file);
  if (await hasSize(blob, file.size)) {
    hooks.onBytes?.(file.size);
    return;
  }
  if (settings.offline) {
    throw new HubError(
      'offline',
      `${repoName(repo)}@${commit} is not wholly in the cache ${settings.cache}: ${file.path} is missing, and the network is forbidden.`,
      'Run once without --offline and HF_HUB_OFFLINE.',
    );
  }
  const running = underWay.get(blob);
  if (running !== undefined) {
    await running;
    hooks.onBytes?.(file.size);
    return;
  }
  const download = bring(settings, repo, commit, file, blob, hooks).finally(() => underWay.delete(blob));
  underWay.set(blob, download);
  await download;
}

async function bring(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  file: HubFile,
  blob: string,
  hooks: DownloadHooks,
): Promise<void> {
  try {
    await mkdir(dirname(blob), { recursive: true });
    // A blob of another size is what a crash of another program has left.
    if (await stat(blob).catch(() => undefined)) await rm(blob);
    const partial = await claimPartial(blob, file.path, hooks);
    if (partial === undefined) {
      hooks.onBytes?.(file.size);
      return;
    }
    const handle = await open(partial, 'a');
    let whole = false;
    try {
      whole = await fill(settings, repo, commit, file, { handle, path: partial }, hooks);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!whole) {
      await rm(partial, { force: true });
      throw new HubError(
        'damaged',
        `${file.path} of ${repoName(repo)}@${commit} came twice with other bytes than the hub's listing says.`,
        'Something on the way changes it: a proxy, or a mirror that HF_ENDPOINT names.',
      );
    }
    await rename(partial, blob);
  } catch (error) {
    const foreseen = await explain(error, settings, { repo, revision: commit, file: file.path }, hooks);
    throw cacheFailure(foreseen, blob);
  }
}

/** Fills the partial file until its digest is right. False: wrong bytes came from beginning to end. */
async function fill(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  file: HubFile,
  partial: { readonly handle: FileHandle; readonly path: string },
  hooks: DownloadHooks,
): Promise<boolean> {
  const address = fileAddress(settings, repo, commit, file.path);
  let hash = newHash(file);
  let offset = 0;
  const restart = async () => {
    await partial.handle.truncate(0);
    hooks.onBytes?.(-offset);
    hash = newHash(file);
    offset = 0;
  };
  for await (const part of createReadStream(partial.path)) {
    hash.update(part as Buffer);
    offset += (part as Buffer).length;
  }
  hooks.onBytes?.(offset);
  let etag: string | undefined;

  const receive = async (): Promise<void> => {
    if (offset > file.size) await restart();
    const from = offset;
    const range = from === 0 ? {} : { range: `bytes=${from}-`, ...(etag === undefined ? {} : { 'if-range': etag }) };
    const { response, timer } = await get(settings, address, range, hooks.signal);
    const host = hostOf(response.url === '' ? address : response.url);
    try {
      const continues =
        response.status === 206 &&
        new RegExp(`^bytes ${from}-\\d+/${file.size}$`).test(response.headers.get('content-range') ?? '');
      if (from > 0 && !continues) await restart();
      if (response.status === 416 || (response.status === 206 && !continues)) {
        throw new Transient(`${host} does not give the rest of ${file.path}`);
      }
      const tag = response.headers.get('etag');
      etag = tag === null || tag.startsWith('W/') ? undefined : tag;
      for await (const part of response.body ?? []) {
        timer.touch();
        if (offset + part.length > file.size) {
          await restart();
          throw new HubError(
            'damaged',
            `${host} sends more bytes of ${file.path} (${repoName(repo)}@${commit}) than the ${file.size} of the hub's listing.`,
          );
        }
        await partial.handle.appendFile(part);
        hash.update(part);
        offset += part.length;
        hooks.onBytes?.(part.length);
      }
      if (offset < file.size) throw new Transient(`the connection to ${host} was cut`, { progressed: offset > from });
    } catch (error) {
      throw networkFailure(error, host, offset > from);
    } finally {
      timer.stop();
      await response.body?.cancel().catch(() => undefined);
    }
  };

  // What was resumed can have been wrong before, so wrong bytes are asked for once more, from the beginning.
  for (let attempt = 0; attempt < 2; attempt++) {
    if (offset !== file.size) await withRetries(settings, hooks, receive);
    if (hash.digest('hex') === file.blob) return true;
    await restart();
  }
  return false;
}

/** SHA-256 of a large file; git's own digest of a blob for the others. */
function newHash({ sha256, size }: HubFile): Hash {
  return sha256 === undefined ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256');
}

async function hasSize(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}
