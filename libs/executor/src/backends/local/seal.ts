import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, readdir, readFile, readlink, realpath, rename, rm } from 'node:fs/promises';
import { sep } from 'node:path';
import type { Failure } from '../../failure.ts';

/**
 * Sees to it that nothing that a step has left going can still write to what it wrote: its folder has been moved away
 * before, so that no path leads there; here a file that is still open is found (Linux), or everything is copied.
 */
export async function seal(folder: string, pid: number): Promise<Failure | undefined> {
  if (process.platform !== 'linux') {
    await copyInPlace(folder);
    return undefined;
  }
  const open = await openForWriting(pid, await realpath(folder));
  if (open === undefined) return undefined;
  return {
    code: 'output',
    message: `Its output \`${open.split(sep)[0]}\` was still open for writing when the step had ended.`,
    hint: 'Close every file, and wait for every write, before `run` returns.',
  };
}

async function copyInPlace(folder: string): Promise<void> {
  const beside = `${folder}-${randomUUID()}`;
  await cp(folder, beside, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
  await rm(folder, { recursive: true });
  await rename(beside, folder);
}

/** The path within the folder of a file that the process has open for writing. */
async function openForWriting(pid: number, folder: string): Promise<string | undefined> {
  const place = `/proc/${pid}/fd`;
  for (const fd of await readdir(place).catch(() => [])) {
    const path = await readlink(`${place}/${fd}`).catch(() => '');
    if (!path.startsWith(folder + sep)) continue;
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0) return path.slice(folder.length + 1);
  }
  return undefined;
}
