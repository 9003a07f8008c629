import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from './commands.ts';

/** Who asks has little time left. */
const PATIENCE_MS = 10_000;

/** How long this process's job has run and how long it may, in seconds. */
export interface JobTime {
  readonly ran: number;
  readonly limit: number;
}

/** By Slurm's word; undefined where this process is no job, its job has no limit, or nobody answers. */
export async function timeOfOwnJob(environment: NodeJS.ProcessEnv): Promise<JobTime | undefined> {
  const id = environment.SLURM_JOB_ID;
  if (id === undefined) return undefined;
  const said = await Promise.race([
    runProgram('scontrol', ['show', 'job', '--oneliner', id]).catch(() => undefined),
    delay(PATIENCE_MS, undefined, { ref: false }),
  ]);
  return said === undefined ? undefined : jobTimeIn(said.stdout);
}

/** `… RunTime=00:01:10 TimeLimit=2-00:00:00 …` */
export function jobTimeIn(text: string): JobTime | undefined {
  const [ran, limit] = ['RunTime', 'TimeLimit'].map((name) => {
    const found = new RegExp(`\\b${name}=(?:(\\d+)-)?(\\d+):(\\d+):(\\d+)`).exec(text);
    if (found === null) return undefined;
    const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
    return ((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!;
  });
  return ran === undefined || limit === undefined ? undefined : { ran, limit };
}
