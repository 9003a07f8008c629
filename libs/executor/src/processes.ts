import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that is still there. */
export interface FoundProcess {
  readonly pid: number;
  /** Its command line, as far as it is readable. */
  readonly command: string;
}

/** What tells the processes that a program has started: whoever descends from it has inherited one or the other. */
export interface ProcessMark {
  /** `NAME=value` in the environment that they were started with. */
  readonly variable: string;
  /** The folder in which they work. */
  readonly folder?: string;
}

/** How often to look again for what was started while others were ended. */
const ROUNDS = 20;
const BETWEEN_ROUNDS = 10;

/**
 * The processes that bear a mark, this one excepted. A child that leads a session of its own (`setsid`) or whose parents
 * are gone is among them: Linux tells what a process was started with and where it works. Empty on other systems, and
 * blind to processes of other users.
 */
export async function markedProcesses({ variable, folder }: ProcessMark): Promise<FoundProcess[]> {
  if (process.platform !== 'linux') return [];
  const entry = `\0${variable}\0`;
  const found: FoundProcess[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const read = (file: string): Promise<string> => readFile(`/proc/${name}/${file}`, 'latin1').catch(() => '');
    const marked =
      `\0${await read('environ')}`.includes(entry) || (folder !== undefined && (await worksIn(name, folder)));
    if (marked) found.push({ pid, command: (await read('cmdline')).replaceAll('\0', ' ').trim() });
  }
  return found;
}

async function worksIn(pid: string, folder: string): Promise<boolean> {
  const place = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  return place === folder || place.startsWith(folder + path.sep);
}

/** Ends the processes that bear a mark, and those that they start meanwhile. Gives those that were found. */
export async function endMarkedProcesses(mark: ProcessMark): Promise<readonly FoundProcess[]> {
  const ended = new Map<number, FoundProcess>();
  for (let round = 0; round < ROUNDS; round++) {
    const found = await markedProcesses(mark);
    if (found.length === 0) break;
    for (const each of found) {
      ended.set(each.pid, each);
      try {
        process.kill(each.pid, 'SIGKILL');
      } catch {
        // It has ended by itself, or is not ours to end.
      }
    }
    await delay(BETWEEN_ROUNDS);
  }
  return [...ended.values()];
}
