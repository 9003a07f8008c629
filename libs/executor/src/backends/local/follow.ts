import type { Failure } from '../../failure.ts';
import type { JobLimits, JobListener, JobOutcome } from '../backend.ts';
import { readMessage } from './messages.ts';

/** How a job ended as far as its worker tells; `fatal`: the worker is not fit for another. */
export type Verdict = { readonly ok: true } | (JobOutcome & { readonly ok: false; readonly fatal: boolean });

/** A job under way. */
export interface Followed {
  readonly verdict: Promise<Verdict>;
  /** A line from the worker; `undefined`: one too long to be a message. */
  hear(line: string | undefined): void;
  /** The worker does something. */
  alive(): void;
  /** It has written something. */
  wrote(lastLines: () => string): void;
  stop(): void;
}

/** Follows one job's messages until it ends, runs out of time, falls silent, or says what no worker says. */
export function follow(id: string, limits: JobLimits, listener: JobListener): Followed {
  let resolve: (verdict: Verdict) => void = () => {};
  const verdict = new Promise<Verdict>((settle) => {
    resolve = settle;
  });
  const fail = (failure: Failure) => resolve({ ok: false, fatal: true, failure });
  const hasTimeout = limits.timeoutSeconds !== undefined;
  const seconds = limits.timeoutSeconds ?? limits.stallSeconds;
  // Node's timers hold at most 2^31 − 1 ms, about 24 days.
  const timer = setTimeout(
    () => fail(hasTimeout ? timedOut(seconds) : stalled(seconds)),
    Math.min(seconds * 1000, 2 ** 31 - 1),
  );
  const alive = () => {
    if (!hasTimeout) timer.refresh();
  };
  return {
    verdict,
    alive,
    wrote(lastLines) {
      alive();
      listener.wrote?.(lastLines);
    },
    hear(line) {
      alive();
      const message = line === undefined ? undefined : readMessage(line);
      if (message === undefined) {
        fail(strange(line));
        return;
      }
      // What an earlier job has left going says no more about anything.
      if (message.job !== id) return;
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
        case 'busy':
          break;
        case 'failed': {
          const { failure, trace } = message;
          resolve({ ok: false, fatal: false, failure, ...(trace === undefined ? {} : { trace }) });
        }
      }
    },
    stop: () => clearTimeout(timer),
  };
}

function strange(line: string | undefined): Failure {
  const what = line === undefined ? 'without end' : JSON.stringify(line.slice(0, 60));
  return {
    code: 'internal',
    message: `Its step wrote ${what} to the channel between a worker and its run, on which nobody else may write.`,
    hint: 'A module tells of its work by `progress` and `log`.',
  };
}

function timedOut(seconds: number): Failure {
  return {
    code: 'timeout',
    message: `It ran longer than its timeout of ${seconds} s and was stopped.`,
    hint: 'Raise `timeout:` of the step, or give it less work.',
  };
}

function stalled(seconds: number): Failure {
  return {
    code: 'stalled',
    message: `Its worker process said and did nothing for ${seconds} s and was stopped.`,
    hint: 'If the step waits for so long by nature, give it a `timeout:`; then only that counts.',
  };
}
