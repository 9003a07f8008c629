import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import {
  fetchFiles,
  type HubFile,
  type HubRepo,
  type HubSettings,
  isHere,
  listFiles,
  snapshotFolder,
} from '@sonde/hub';
import type { DataName } from './data-name.ts';
import { DataUnknown } from './outside-data.ts';
import type { FetchHooks, ResolveHooks } from './remote.ts';

/** One commit of a repository. Its files come to the hub's cache when they are wanted. */
export interface Snapshot {
  /** All its files. @throws DataUnknown where the hub would have to be asked and may not be */
  list(): Promise<readonly HubFile[]>;
  /** A file's bytes, checked. @throws DataUnknown as above */
  read(file: HubFile): Promise<Buffer>;
  /** From the listing where it says so (large files), else of the bytes. */
  digestOf(file: HubFile): Promise<string>;
  /** Bytes of those files that are not here. */
  missing(files: readonly HubFile[]): Promise<number>;
  fetch(files: readonly HubFile[], hooks: FetchHooks): Promise<void>;
}

/** `hooks`: the hub may be asked. */
export function openSnapshot(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  { ref }: DataName,
  hooks: ResolveHooks | undefined,
): Snapshot {
  const root = snapshotFolder(settings, repo, commit);
  const request = hooks && {
    signal: hooks.signal,
    onRetry: (message: string, seconds: number) => hooks.retry(ref, message, seconds),
  };
  const read = async (file: HubFile): Promise<Buffer> => {
    if (request === undefined && !(await isHere(settings, repo, commit, file))) {
      throw new DataUnknown(ref, `${file.path} is not here before a run fetches it`);
    }
    await fetchFiles(settings, repo, commit, [file], request ?? {});
    const place = path.join(root, file.path);
    const bytes = await readFile(place);
    if (file.sha256 === undefined && gitDigest(bytes) !== file.blob) {
      throw new UserError(
        'hub',
        `${place} is damaged: it is not what \`${ref}\` lists at ${commit}.`,
        'Delete the file that it points to; the next run downloads it again.',
      );
    }
    return bytes;
  };
  return {
    read,
    async list() {
      if (request === undefined) throw new DataUnknown(ref, 'its files are not known before a run lists them');
      return listFiles(settings, repo, commit, request);
    },
    async digestOf(file) {
      const {
        sha256 = createHash('sha256')
          .update(await read(file))
          .digest('hex'),
      } = file;
      return `sha256:${sha256}`;
    },
    async missing(files) {
      const sizes = files.map(async (file) => ((await isHere(settings, repo, commit, file)) ? 0 : file.size));
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    },
    async fetch(files, { signal, progress, retry }) {
      const here = await Promise.all(files.map((file) => isHere(settings, repo, commit, file)));
      const missing = here.every(Boolean) ? {} : { onProgress: progress };
      await fetchFiles(settings, repo, commit, files, { signal, onRetry: retry, ...missing });
    },
  };
}

/** What git calls a file's content: the SHA-1 of "blob <size>\\0" and its bytes. */
function gitDigest(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
