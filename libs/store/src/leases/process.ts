import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf, systemFailure } from '@sonde/base';

/** Who a process is, so that another one can tell whether it still lives. */
export interface ProcessIdentity {
  readonly host: string;
  /** Where its process number has a meaning: host, boot and process namespace. */
  readonly place: string;
  readonly pid: number;
  /** When it started, in the kernel's ticks since boot: tells it from a later process of the same number. */
  readonly start: string | null;
}

export function identify(): ProcessIdentity {
  return { host: hostname(), place: place(), pid: process.pid, start: kernelView(process.pid)?.start ?? null };
}

/** `unknown`: it runs (or ran) where process numbers mean something else. */
export function lifeOf(identity: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (identity.place !== place()) return 'unknown';
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to another user.
    if (codeOf(error) === 'ESRCH') return 'dead';
  }
  const view = kernelView(identity.pid);
  if (view === undefined) return 'alive';
  if (view.state === 'Z' || view.state === 'X') return 'dead';
  return identity.start === null || view.start === identity.start ? 'alive' : 'dead';
}

let known: string | undefined;

/** Two containers can share a host name and a store; boot and process namespace tell them apart (proc(5)). */
function place(): string {
  known ??= readPlace();
  return known;
}

function readPlace(): string {
  const parts = [hostname(), optional(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())];
  parts.push(optional(() => readlinkSync('/proc/self/ns/pid')));
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

/** State and start time from /proc/<pid>/stat (fields 3 and 22 of proc_pid_stat(5)). */
function kernelView(pid: number): { state: string; start: string } | undefined {
  const text = optional(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field, the program's name, may contain anything: count from its closing bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  return state !== undefined && start !== undefined ? { state, start } : undefined;
}

/** Not every system has /proc; what it does not tell is left out. */
function optional(read: () => string): string {
  try {
    return read();
  } catch (error) {
    // Not a matter of the system, but of the moment: another answer would make this process a stranger to itself.
    if (systemFailure(error)?.kind === 'too-many-files') throw error;
    return '';
  }
}
