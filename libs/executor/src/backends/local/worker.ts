import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Failure } from '../../failure.ts';
import type { Job, JobLimits, JobListener, JobOutcome } from '../backend.ts';
import type { DeviceLease } from './leases.ts';
import { memoryKills } from './memory.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { endMarkedProcesses } from './processes.ts';

export interface Worker {
  readonly lease: DeviceLease;
  /** Holds nothing of the environment but what every program needs: what it starts can read it. */
  readonly bare: boolean;
  /** What its last job loaded (`StepKind.affinity`). */
  loaded: string | undefined;
  readonly alive: boolean;
  perform(job: Job, limits: JobLimits, listener: JobListener): Promise<JobOutcome>;
  /** Asks the step to stop. */
  abort(): void;
  /** Ends the process and what it started, at once. */
  kill(): void;
}

const STDERR_LINES = 20;
/** How long to wait for what a dead worker wrote last, in milliseconds. */
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
  const child = fork(entry, [], {
    serialization: 'advanced',
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...Object.fromEntries(own), ...env, ...lease.env, SONDE_WORKER: id },
  });
  const killsBefore = memoryKills();
  let stderr = '';
  let activity = () => {};
  child.stdout?.on('data', () => activity());
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr = (stderr + bytes.toString()).split('\n').slice(-STDERR_LINES).join('\n');
    activity();
  });
  let exited: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  let startError: Error | undefined;
  let killed = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      exited = { code, signal };
      killGroup(child, id);
      resolve();
    });
    child.on('error', (error) => {
      startError ??= error;
      if (child.pid === undefined) resolve();
    });
  });

  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });

  const died = async (): Promise<Failure> => {
    // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
    const enough = new AbortController();
    const patience = delay(LAST_WORDS, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([closed, patience]);
    enough.abort();
    return describeDeath(exited, startError, stderr.trim(), killsBefore);
  };

  const worker: Worker = {
    lease,
    bare,
    loaded: undefined,
    get alive() {
      return !killed && exited === undefined && startError === undefined && child.connected;
    },
    async perform(job, limits, listener) {
      stderr = '';
      const verdict = watch(child, limits, listener, (restart) => {
        activity = restart;
      });
      child.send({ type: 'job', job, device: lease.device } satisfies ToWorker, () => {});
      const outcome = await Promise.race([verdict.outcome, ended.then(() => 'died' as const)]);
      verdict.stop();
      activity = () => {};
      if (outcome !== 'died') {
        if (!outcome.ok && outcome.fatal) {
          worker.kill();
          await ended;
        }
        return outcome.ok ? { ok: true } : outcome;
      }
      return { ok: false, failure: await died() };
    },
    abort() {
      if (child.connected) child.send({ type: 'abort' } satisfies ToWorker, () => {});
    },
    kill() {
      killed = true;
      if (exited === undefined) killGroup(child, id);
    },
  };
  return worker;
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

type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly failure: Failure; readonly trace?: string; readonly fatal: boolean };

/** Follows one job's messages until it ends, runs out of time or falls silent. */
function watch(
  child: ChildProcess,
  limits: JobLimits,
  listener: JobListener,
  onActivity: (restart: () => void) => void,
): { readonly outcome: Promise<Verdict>; stop(): void } {
  let stop = () => {};
  const outcome = new Promise<Verdict>((resolve) => {
    const hasTimeout = limits.timeoutSeconds !== undefined;
    const seconds = limits.timeoutSeconds ?? limits.stallSeconds;
    // Node's timers hold at most 2^31 − 1 ms, about 24 days.
    const timer = setTimeout(
      () => resolve({ ok: false, fatal: true, failure: hasTimeout ? timedOut(seconds) : stalled(seconds) }),
      Math.min(seconds * 1000, 2 ** 31 - 1),
    );
    const onMessage = (message: FromWorker) => {
      if (!hasTimeout) timer.refresh();
      switch (message.type) {
        case 'progress':
          listener.progress(message.done, message.total, message.unit);
          break;
        case 'log':
          listener.log(message.level, message.message);
          break;
        case 'done':
          resolve({ ok: true });
          break;
        case 'failed':
          resolve({
            ok: false,
            fatal: false,
            failure: message.failure,
            ...(message.trace === undefined ? {} : { trace: message.trace }),
          });
          break;
      }
    };
    child.on('message', onMessage);
    onActivity(() => {
      if (!hasTimeout) timer.refresh();
    });
    stop = () => {
      clearTimeout(timer);
      child.off('message', onMessage);
    };
  });
  return { outcome, stop: () => stop() };
}

const timedOut = (seconds: number): Failure => ({
  code: 'timeout',
  message: `It ran longer than its timeout of ${seconds} s and was stopped.`,
  hint: 'Raise `timeout:` of the step, or give it less work.',
});

const stalled = (seconds: number): Failure => ({
  code: 'stalled',
  message: `Its worker process said nothing for ${seconds} s and was stopped.`,
  hint: 'If the step is silent for so long by nature, give it a `timeout:`; then only that counts.',
});

function describeDeath(
  exited: { code: number | null; signal: NodeJS.Signals | null } | undefined,
  startError: Error | undefined,
  stderr: string,
  killsBefore: number | undefined,
): Failure {
  const tail = stderr === '' ? {} : { stderr };
  const outOfMemory = (message: string): Failure => ({
    code: 'out-of-memory',
    message,
    hint: 'Give the step less at once (a smaller batch or model), or run fewer at a time with --jobs.',
    ...tail,
  });
  if (exited?.signal === 'SIGKILL') {
    const kills = memoryKills();
    if (killsBefore !== undefined && kills !== undefined && kills > killsBefore) {
      return outOfMemory('Its worker process was killed by the system because memory ran out.');
    }
    return {
      code: 'crash',
      message: 'Its worker process was killed (SIGKILL); perhaps out of memory.',
      hint: 'If memory is short, run fewer steps at a time with --jobs.',
      ...tail,
    };
  }
  if (stderr.includes('JavaScript heap out of memory')) {
    return outOfMemory('Its worker process ran out of JavaScript heap memory.');
  }
  if (exited === undefined) {
    return { code: 'crash', message: `Its worker process could not be started: ${startError?.message ?? 'unknown'}.` };
  }
  const how = exited.signal === null ? `ended with exit code ${exited.code}` : `died of signal ${exited.signal}`;
  return { code: 'crash', message: `Its worker process ${how} before the step was done.`, ...tail };
}
