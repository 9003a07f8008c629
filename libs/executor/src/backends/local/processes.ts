import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

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

/**
 * The processes that bear a mark, this one excepted. A child that leads a session of its own (`setsid`) or whose parents
 * are gone is among them: Linux tells what a process was started with and where it works. Empty on other systems, and
 * blind to processes of other users.
 */
export function markedProcesses({ variable, folder }: ProcessMark): FoundProcess[] {
  if (process.platform !== 'linux') return [];
  const entry = `\0${variable}\0`;
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const marked = `\0${told(name, 'environ')}`.includes(entry) || (folder !== undefined && worksIn(name, folder));
    return marked ? { pid, command: told(name, 'cmdline').replaceAll('\0', ' ').trim() } : [];
  });
}

/** What the system tells of a process; empty where it does not, or the process has ended meanwhile. */
function told(pid: string, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function worksIn(pid: string, folder: string): boolean {
  try {
    const place = readlinkSync(`/proc/${pid}/cwd`);
    return place === folder || place.startsWith(folder + path.sep);
  } catch {
    return false;
  }
}

/** Ends the processes that bear a mark, and those that they started meanwhile. Gives those that were found. */
export function endMarkedProcesses(mark: ProcessMark): readonly FoundProcess[] {
  const ended = new Map<number, FoundProcess>();
  for (;;) {
    const found = markedProcesses(mark).filter(({ pid }) => !ended.has(pid));
    if (found.length === 0) return [...ended.values()];
    for (const each of found) {
      ended.set(each.pid, each);
      signalProcess(each.pid, 'SIGKILL');
    }
  }
}

/** Signals a process that may have ended by itself. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile, or is not ours.
  }
}
