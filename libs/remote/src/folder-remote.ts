import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, systemFailure } from '@sonde/base';
import type { Digest } from '@sonde/store';
import { type Remote, RemoteFailure } from './remote.ts';

/**
 * A folder laid out as Bazel's `--disk_cache`: `ac/ab/<key>` and `cas/ab/<digest>`, by the first two digits. On a shared
 * disk it is a store between people; copied by any program for files (rsync, rclone) it is one between sites.
 */
export function folderRemote(folder: string, writes: boolean): Remote {
  const place = (kind: 'ac' | 'cas', digest: Digest) => {
    const hex = digest.slice('sha256:'.length);
    return join(folder, kind, hex.slice(0, 2), hex);
  };
  /** `ENOENT` is an answer; everything else is a failure of the folder. */
  async function tried<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      const failure = systemFailure(error);
      if (failure === undefined) throw error;
      const problem = failure.kind === 'permission' ? 'refused' : 'unreachable';
      throw new RemoteFailure(problem, `the folder ${folder} cannot be used: ${failure.meaning}`);
    }
  }
  async function putWhole(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    await tried(
      (async () => {
        await mkdir(dirname(path), { recursive: true });
        try {
          await write(temporary);
          await rename(temporary, path);
        } finally {
          await rm(temporary, { force: true });
        }
      })(),
    );
  }
  return {
    name: folder,
    overNetwork: false,
    writes,
    async entry(key, limit) {
      const path = place('ac', key);
      const found = await tried(stat(path));
      if (found === undefined) {
        if (!writes && (await tried(stat(folder))) === undefined) {
          throw new RemoteFailure('unreachable', `the folder ${folder} is not there`);
        }
        return undefined;
      }
      if (found.size > limit) throw new RemoteFailure('wrong', `the entry ${path} has ${found.size} bytes`);
      return tried(readFile(path));
    },
    putEntry: (key, bytes) => putWhole(place('ac', key), (temporary) => writeFile(temporary, bytes, { flush: true })),
    async hasContent(digest, size) {
      const found = await tried(stat(place('cas', digest)));
      return found?.isFile() === true && (size === undefined || found.size === size);
    },
    async content(digest, from) {
      const file = await tried(open(place('cas', digest)));
      return file && { from, parts: file.createReadStream({ start: from }) as AsyncIterable<Uint8Array> };
    },
    async putContent({ digest }, blobs) {
      const path = await blobs.open(digest);
      await putWhole(place('cas', digest), async (temporary) => {
        await copyFile(path, temporary);
        await flush(temporary);
      });
    },
  };
}

/** What has a name is on the disk, whatever becomes of the machine. */
async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
