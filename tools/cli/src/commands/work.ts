import { UserError } from '@sonde/base';
import { type OrderTold, readShape } from '@sonde/executor';
import { ranOutOfMemory, timeOfOwnJob } from '@sonde/slurm';
import { workOn } from '../api.ts';
import { EXIT } from '../errors.ts';
import { count } from '../format.ts';
import { checkConsent, type ModuleOptions } from '../pipeline.ts';
import { exitWith, openTerminal } from '../terminal.ts';

interface WorkCommandOptions extends ModuleOptions {
  readonly shape?: string;
  readonly jobs?: number;
  readonly device?: string;
  readonly idle: number;
  readonly grace: number;
  readonly offline?: boolean;
  readonly scratch?: string;
  readonly scratchSize: number;
  readonly scratchKeep: number;
}

/** Slurm's name of this job, as `squeue` shows it. */
function jobName({ SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_JOB_ID }: NodeJS.ProcessEnv): string | undefined {
  return SLURM_ARRAY_JOB_ID === undefined ? SLURM_JOB_ID : `${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}`;
}

/** `sonde work`. */
export async function work(options: WorkCommandOptions): Promise<void> {
  const terminal = openTerminal(options);
  checkConsent(options);
  const { shape, store, module, jobs, device, scratch, scratchSize, scratchKeep } = options;
  if (shape !== undefined && readShape(shape) === undefined) {
    throw new UserError('usage', `--shape ${shape} is no shape`, 'A run names them: cpu, cuda.g1, cpu.c4.m8589934592.');
  }
  const job = jobName(process.env);
  const [stop, kill] = [new AbortController(), new AbortController()];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => (stop.signal.aborted && signal === 'SIGINT' ? kill : stop).abort());
  }
  const { dim, red, green } = terminal.colors;
  const words: Readonly<Record<OrderTold['state'], string>> = {
    started: 'started ',
    done: green('done    '),
    failed: red('failed  '),
    stopped: 'stopped ',
  };
  const { done, failed, strange } = await workOn({
    ...(store === undefined ? {} : { store }),
    ...(shape === undefined ? {} : { shape }),
    ...(module === undefined ? {} : { modules: module }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(device === undefined ? {} : { device }),
    ...(job === undefined ? {} : { job }),
    lifetime: () => timeOfOwnJob(process.env),
    ranOutOfMemory,
    ...(scratch === undefined ? {} : { scratch: { folder: scratch, maxBytes: scratchSize, keepSeconds: scratchKeep } }),
    offline: options.offline === true,
    allowCode: options.allowCode !== undefined,
    idleSeconds: options.idle,
    graceSeconds: options.grace,
    signal: stop.signal,
    killSignal: kill.signal,
    onOrder(told) {
      if (options.json) terminal.out(JSON.stringify({ time: new Date().toISOString(), ...told }));
      else terminal.note(`${words[told.state]}  ${told.task}  ${dim(`run ${told.run}`)}`);
    },
  });
  if (options.json) terminal.out(JSON.stringify({ done, failed, strange }));
  else terminal.note(`${count(done, 'order')} done, ${failed} failed`);
  if (strange > 0) {
    terminal.error(
      `${count(strange, 'order')} left alone: of another version of Sonde, of other step kinds, or without --allow-code`,
    );
  }
  // Whoever has sent for this worker would send for the next.
  exitWith(strange > 0 && done + failed === 0 ? EXIT.failed : EXIT.done);
}
