import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { noAnswer, runProgram } from './commands.ts';
import { meaningOf } from './job-states.ts';

/** Slurm says how a job has ended some moments after its processes are gone. */
const MOST_LOOKS = 6;
const BETWEEN_LOOKS = 2000;

// What the daemon of a node writes into the log of a job that it ends, or that the kernel ends, for want of memory. Slurm's
// own word for such a job is OUT_OF_MEMORY where the kernel keeps the limit, and FAILED where the daemon does.
const SAID_IN_LOG = /^slurmstepd\b.*(exceeded (job |step )?memory limit|oom[-_ ]?kill)/im;

/** Whether the log of a job says that it was ended because it used more memory than it had asked for. */
export async function logSaysOutOfMemory(file: string): Promise<boolean> {
  return SAID_IN_LOG.test(await readFile(file, 'utf8').catch(() => ''));
}

/**
 * Whether another job, whose processes are gone, has used more memory than it had asked for. No where Slurm cannot be asked
 * from here, does not know, or has started it again.
 */
export async function ranOutOfMemory(id: string): Promise<boolean> {
  for (let looks = 1; ; looks++) {
    const said = await runProgram('scontrol', ['show', 'job', '--oneliner', id]).catch(() => undefined);
    if (said === undefined || said.status !== 0 || noAnswer(said)) return false;
    const field = (name: string) => new RegExp(`\\b${name}=(.*?)(?= \\w+=|$)`, 'm').exec(said.stdout)?.[1] ?? '';
    const meaning = meaningOf(field('JobState'));
    if (meaning === 'out-of-memory') return true;
    if (meaning === 'failed') return logSaysOutOfMemory(field('StdOut'));
    if (meaning !== 'running' || looks === MOST_LOOKS) return false;
    await wait(BETWEEN_LOOKS);
  }
}
