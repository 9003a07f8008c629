import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import {
  endMarkedProcesses,
  type FoundProcess,
  markedProcesses,
  type ProcessMark,
  signalProcess,
} from '@sonde/executor';

/** Most of what a program says that is kept, in UTF-16 units from the end. */
const KEPT = 65_536;

/** How long what a program started may take to end after it, and what it wrote to arrive, in milliseconds. */
const GRACE = 100;
const DRAIN = 1000;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  /** The signal that ended it. */
  readonly by: string | null;
  /** The last of what it wrote to standard output and error. */
  readonly said: string;
  /** What it had started and left running: ended since. */
  readonly leftBehind: readonly FoundProcess[];
}

/**
 * Runs a program to its end, and ends what it leaves behind: no child of it goes on writing, or holds the step by an open
 * output. Told to stop, it asks the program and its children to end.
 *
 * @throws UserError if it cannot be started
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  {
    folder,
    env,
    signal,
    onText,
  }: {
    readonly folder: string;
    readonly env: NodeJS.ProcessEnv;
    readonly signal: AbortSignal;
    onText(text: string): void;
  },
): Promise<Ended> {
  const id = randomUUID();
  const mark: ProcessMark = { variable: `SONDE_STEP=${id}`, folder };
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...env, SONDE_STEP: id },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: false,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-KEPT);
      onText(text);
    });
  }
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = (): void => {
    child.kill('SIGTERM');
    for (const { pid } of markedProcesses(mark)) signalProcess(pid, 'SIGTERM');
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { code, by } = await exitOf(child, program);
    const leftBehind = await endLeftBehind(mark);
    await Promise.race([closed, delay(DRAIN, undefined, { ref: false })]);
    return { code, by, said, leftBehind };
  } finally {
    signal.removeEventListener('abort', stop);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function exitOf(child: ChildProcess, program: string): Promise<Pick<Ended, 'code' | 'by'>> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, by) => resolve({ code, by }));
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'there is no such program on the PATH' : error.message;
      reject(new UserError('program', `${program} could not be started: ${why}`));
    });
  });
}

/** What ends by itself within a moment (the head of a pipe, say) was not left behind. */
async function endLeftBehind(mark: ProcessMark): Promise<readonly FoundProcess[]> {
  if (markedProcesses(mark).length === 0) return [];
  await delay(GRACE);
  return endMarkedProcesses(mark);
}
