import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '@sonde/base';

/** File systems that cannot flush a folder say so by one of these; then there is nothing more to be done. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'EISDIR', 'EPERM', 'EBADF', 'ENOTSUP', 'ENOSYS']);

/** Makes renames and new names in a folder survive a power failure. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(codeOf(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Renames a flushed file into place and flushes the folder, which it makes where it is not there. */
export async function publish(temporary: string, destination: string): Promise<void> {
  const folder = dirname(destination);
  try {
    await rename(temporary, destination);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    await syncFolder(dirname(folder));
    await rename(temporary, destination);
  }
  await syncFolder(folder);
}

/** Writes a new file and flushes it; on failure nothing of it remains. */
export async function writeFlushed(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** The names in a folder, sorted; none where the folder is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Runs something whose failure with one of these codes is as good as its success. */
export async function tolerate<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Bytes of a file, or of all files below a folder; 0 where nothing is. */
export async function bytesBelow(path: string): Promise<number> {
  const found = await tolerate(['ENOENT'], stat(path));
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  let sum = 0;
  for (const name of await namesIn(path)) sum += await bytesBelow(join(path, name));
  return sum;
}
