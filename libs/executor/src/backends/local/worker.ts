import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../../failure.ts';
import type { Job, JobLimits, JobListener, JobOutcome } from '../backend.ts';
import { openChannel } from './channel.ts';
import { describeDeath, type Exit } from './death.ts';
import { type Followed, follow } from './follow.ts';
import type { DeviceLease } from './leases.ts';
import { memoryKills } from './memory.ts';
import { CHANNEL, LIFELINE, type ToWorker } from './messages.ts';
import { endMarkedProcesses } from './processes.ts';
import { seal } from './seal.ts';
import { keepTail, type StderrTail } from './stderr-tail.ts';

export interface Worker {
  readonly lease: DeviceLease;
  /** Holds nothing of the environment but what every program needs: what it starts can read it. */
  readonly bare: boolean;
  /** What its last job loaded (`StepKind.affinity`). */
  loaded: string | undefined;
  readonly alive: boolean;
  /** Resolves when the process is gone, and what it had of a device's memory. */
  readonly ended: Promise<void>;
  perform(job: Job, limits: JobLimits, listener: JobListener): Promise<JobOutcome>;
  /** Asks the step to stop. */
  abort(): void;
  /** Ends the process and what it started, at once. */
  kill(): void;
}

/** How long to wait for what a dead worker wrote last, or for the end of one that says nothing more, in milliseconds. */
const LAST_WORDS = 200;

/** What a worker of `bare` jobs is given of this process's environment: no tokens, keys or passwords. */
const PLAIN_VARIABLES = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|TMP|TEMP|SystemRoot|SONDE_VERSION)$/;

/**
 * Starts a worker process. It leads its own process group: Ctrl-C does not reach it, and killing it ends its children;
 * on Linux also those that have left the group.
 */
export function startWorker(
  entry: string | URL,
  lease: DeviceLease,
  env: Readonly<Record<string, string>>,
  bare: boolean,
): Worker {
  const id = randomUUID();
  const own = Object.entries(process.env).filter(([name]) => !bare || PLAIN_VARIABLES.test(name));
  const child = spawn(process.execPath, [entry instanceof URL ? fileURLToPath(entry) : entry], {
    detached: true,
    // Two more: CHANNEL and LIFELINE. Nothing is written to the second; it ends with this process.
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(own), ...env, ...lease.env, SONDE_WORKER: id },
  });
  const killsBefore = memoryKills();
  let current: Followed | undefined;
  let killed = false;
  const { ended, exit, startError } = followProcess(child, () => killGroup(child, id));

  function kill(): void {
    killed = true;
    if (exit() === undefined) killGroup(child, id);
  }

  // There are none where the system has no more files to give.
  const streams = child.stdio as typeof child.stdio | undefined;
  const channel = openChannel(
    (streams?.[CHANNEL] as Duplex | undefined) ?? new PassThrough().destroy(),
    (line) => current?.hear(line),
    () => setTimeout(kill, LAST_WORDS).unref(),
  );
  streams?.[LIFELINE]?.on('error', () => {});
  child.stdout?.on('data', () => current?.alive());
  const stderr: StderrTail = keepTail(child.stderr ?? new PassThrough(), () => current?.wrote(stderr.text));
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });

  async function died(): Promise<Failure> {
    // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
    const enough = new AbortController();
    const patience = delay(LAST_WORDS, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([closed, patience]);
    enough.abort();
    // Where this process was held up meanwhile, what came is read only now.
    await immediate();
    return describeDeath(exit(), startError(), stderr.text(), killsBefore);
  }

  return {
    lease,
    bare,
    loaded: undefined,
    ended,
    get alive() {
      return !killed && exit() === undefined && startError() === undefined && channel.open;
    },
    async perform(job, limits, listener) {
      stderr.clear();
      const jobId = randomUUID();
      const kept = join(dirname(job.out), randomUUID());
      const followed = follow(jobId, limits, listener);
      current = followed;
      channel.send({ type: 'job', id: jobId, job, device: lease.device, kept } satisfies ToWorker);
      const verdict = await Promise.race([followed.verdict, ended.then(() => 'died' as const)]);
      followed.stop();
      current = undefined;
      if (verdict === 'died') return { ok: false, failure: await died() };
      if (verdict.ok) {
        const failure = await seal(kept, child.pid!);
        return failure === undefined ? { ok: true, out: kept } : { ok: false, failure };
      }
      if (verdict.fatal) {
        kill();
        await ended;
      }
      const { failure, trace } = verdict;
      return { ok: false, failure, ...(trace === undefined ? {} : { trace }) };
    },
    abort() {
      if (channel.open) channel.send({ type: 'abort' } satisfies ToWorker);
    },
    kill,
  };
}

/** The end of a process; `onExit` is called as soon as it is known. */
function followProcess(child: ChildProcess, onExit: () => void) {
  let exit: Exit | undefined;
  let startError: Error | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      onExit();
      resolve();
    });
    child.on('error', (error) => {
      startError ??= error;
      if (child.pid === undefined) resolve();
    });
  });
  return { ended, exit: () => exit, startError: () => startError };
}

/** Ends a worker and what its step has started, also where the worker itself is gone already. */
function killGroup(child: ChildProcess, id: string): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
  endMarkedProcesses({ variable: `SONDE_WORKER=${id}` });
}
