import { systemFailure } from '@sonde/base';
import type { Failure } from '../../failure.ts';
import { memoryKills } from './memory.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Why a worker has ended before its job.
 *
 * @param exit absent where the process could not be started, because of `startError`
 * @param killsBefore how many processes had been killed for want of memory when it started
 */
export function describeDeath(
  exit: Exit | undefined,
  startError: Error | undefined,
  stderr: string,
  killsBefore: number | undefined,
): Failure {
  const tail = stderr === '' ? {} : { stderr };
  if (systemFailure(startError)?.kind === 'too-many-files' || /\bE[MN]FILE\b/.test(stderr)) {
    return {
      code: 'too-many-files',
      message: 'Its worker process could not begin: too many files are open.',
      hint: 'Close other programs, use fewer `--jobs`, or raise the limit (`ulimit -n`).',
      ...tail,
    };
  }
  if (exit === undefined) {
    return { code: 'crash', message: `Its worker process could not be started: ${startError?.message ?? 'unknown'}.` };
  }
  if (exit.signal === 'SIGKILL') {
    const kills = memoryKills();
    if (killsBefore !== undefined && kills !== undefined && kills > killsBefore) {
      return outOfMemory('Its worker process was killed by the system because memory ran out.', tail);
    }
    return {
      code: 'crash',
      message: 'Its worker process was killed (SIGKILL); perhaps out of memory.',
      hint: 'If memory is short, run fewer steps at a time with --jobs.',
      ...tail,
    };
  }
  if (stderr.includes('JavaScript heap out of memory')) {
    return outOfMemory('Its worker process ran out of JavaScript heap memory.', tail);
  }
  const how = exit.signal === null ? `ended with exit code ${exit.code}` : `died of signal ${exit.signal}`;
  return { code: 'crash', message: `Its worker process ${how} before the step was done.`, ...tail };
}

function outOfMemory(message: string, tail: Pick<Failure, 'stderr'>): Failure {
  return {
    code: 'out-of-memory',
    message,
    hint: 'Give the step less at once (a smaller batch or model), or run fewer at a time with --jobs.',
    ...tail,
  };
}
