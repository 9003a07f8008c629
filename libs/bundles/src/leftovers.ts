import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@sonde/base';

/** A name beside the target, for what is not whole yet; it says whose it is. */
export function partialBeside(target: string): string {
  return path.join(path.dirname(target), `${prefixOf(target)}${process.pid}`);
}

/** Takes away what processes left that ended while they made this target. */
export async function removeLeftovers(target: string): Promise<void> {
  const prefix = prefixOf(target);
  const folder = path.dirname(target);
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : 0;
    if (Number.isSafeInteger(pid) && pid > 0 && (pid === process.pid || !lives(pid)))
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

function prefixOf(target: string): string {
  return `.${path.basename(target)}.partial-`;
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}
