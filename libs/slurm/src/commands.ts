import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '@sonde/base';

/** What one of Slurm's programs said. `status` undefined: it was ended, because it took too long. */
export interface Said {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const LIMIT_MS = 60_000;
const MOST_BYTES = 256 * 2 ** 20;

// Settings of a person's shell that would change what is asked, or hide jobs from the answer.
const FOREIGN = /^(SQUEUE_|SACCT_|SCANCEL_|SLURM_TIME_FORMAT$|SBATCH_(WAIT|ARRAY_INX|JOB_NAME|OUTPUT|ERROR|INPUT)$)/;

/** They would try again by themselves, for minutes, and nobody would hear of it. */
const RETRYING = /sleeping and retrying|, retrying in \d/;

/**
 * Runs `sbatch`, `squeue`, `sacct`, `scancel` or `scontrol`. One that says that it will try again later is ended.
 *
 * @throws UserError where the program is not there
 */
export function runProgram(name: string, args: readonly string[], input = ''): Promise<Said> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !FOREIGN.test(key)));
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: { ...env, LC_ALL: 'C' }, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    const tooLong = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_BYTES) child.kill('SIGKILL');
      else list.push(chunk);
      if (list === err && RETRYING.test(chunk.toString('latin1'))) child.kill('SIGKILL');
    };
    child.stdout.on('data', keep(out));
    child.stderr.on('data', keep(err));
    // It may end before it has read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(tooLong);
      reject(error.code === 'ENOENT' ? missing(name) : error);
    });
    child.once('close', (status) => {
      clearTimeout(tooLong);
      resolve({
        status: status ?? undefined,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
  });
}

/** Those without which there are no workers: where `sacct` is missing, nothing is known of jobs that the queue has forgotten. */
const NEEDED = ['sbatch', 'squeue', 'scancel', 'scontrol'];

/**
 * Whether Slurm can be asked from here. Asks it nothing.
 *
 * @throws UserError that names each program which is not on the PATH
 */
export function requirePrograms(): void {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const absent = NEEDED.filter((name) => !folders.some((folder) => isProgram(path.join(folder, name))));
  if (absent.length > 0) throw missing(...absent);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function missing(...names: readonly string[]): UserError {
  return new UserError(
    'cluster',
    `there is no ${names.map((name) => `\`${name}\``).join(', ')} on the PATH`,
    'Run this on a login node of the cluster, or load the module that brings Slurm; `--executor local` needs none.',
  );
}

/** Slurm's own words, in one line: `Invalid partition name specified`. */
export function wordsOf({ status, stderr }: Said): string {
  const lines = stderr
    .split('\n')
    .map((line) =>
      line.replace(/^(sbatch|squeue|sacct|scancel|scontrol|slurm_load_jobs)(: fatal)?(: error)?: /, '').trim(),
    )
    .filter((line) => line !== '');
  if (lines.length > 0) return lines.join('; ');
  return status === undefined ? `no answer in ${LIMIT_MS / 1000} s` : `exit status ${status}`;
}

const NO_ANSWER =
  /unable to contact|connection refused|connect failure|timed out|communication|transport endpoint|zero bytes|not responding|authentication|unexpected message|backup|connection reset|host is down|no route|shutting down|slurm_persist|unable to establish|in standby/i;

/** Whether the controller gave no answer: then nothing is known, not even whether it took what it was sent. */
export function noAnswer(said: Said): boolean {
  return said.status === undefined || (said.status !== 0 && NO_ANSWER.test(said.stderr));
}
