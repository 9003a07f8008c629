import { randomUUID } from 'node:crypto';
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { basename, sep } from 'node:path';
import type { Failure } from '../../failure.ts';

/**
 * Sees to it that nothing that a step has left going can still write to what it wrote: its folder has been moved away
 * before, so that no path leads there; here a file that is still open is found (Linux), or everything is copied.
 *
 * @param folder of a name that no other folder has
 */
export async function seal(folder: string, pid: number): Promise<Failure | undefined> {
  if (process.platform !== 'linux') {
    await copyInPlace(folder);
    return undefined;
  }
  const open = openForWriting(pid, basename(folder));
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

/**
 * The path within the folder of a file that the process has open for writing. Some dozen links are read, at once: waiting
 * for each would take longer.
 */
function openForWriting(pid: number, name: string): string | undefined {
  const within = sep + name + sep;
  const place = `/proc/${pid}/fd`;
  for (const fd of namesIn(place)) {
    const path = told(() => readlinkSync(`${place}/${fd}`));
    const start = path.indexOf(within);
    if (start === -1) continue;
    const info = told(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0) return path.slice(start + within.length);
  }
  return undefined;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** What the system tells; nothing where it has been closed, or the process has ended, meanwhile. */
function told(ask: () => string): string {
  try {
    return ask();
  } catch {
    return '';
  }
}
