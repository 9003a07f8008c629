import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import { quoted, scriptHead, smallOptions } from './job-script.ts';
import { endOf } from './job-states.ts';
import { digits } from './names.ts';
import type { Look } from './queue.ts';
import { type Submitted, submit } from './submit.ts';
import type { ClusterOptions, Shape } from './types.ts';

/** What a probe's job ends with where a node does not see what it must. */
const NO_FOLDER = 71;
const NO_CWD = 72;
const NO_PROGRAM = 73;
const NO_WRITING = 74;

/** So many jobs are sent, where one is lost. */
const MOST_JOBS = 3;
/** A node's file may show here only after the network file system's caches have aged. */
const PATIENCE_LOOKS = 12;

export interface ProbeOptions extends Pick<ClusterOptions, 'profile' | 'folder' | 'cwd' | 'command'> {
  /** What the names of probes begin with. */
  readonly prefix: string;
  look(): Promise<Look>;
  /** Told what is waited for, where it is not the job itself. */
  onWait?(words: string): void;
  /** Calls sbatch when its turn has come. */
  submitted(send: () => Promise<Submitted>): Promise<Submitted>;
  /** Milliseconds between two glances at the folder. */
  readonly glance: number;
}

/**
 * Sends a small job for each kind of shape, which looks for a token in the folder and answers beside it. What an earlier
 * one with the same profile, folder and program has answered holds.
 *
 * @throws UserError where a node does not see the folder or the program, or sbatch refuses the job
 */
export async function probeNodes(
  options: ProbeOptions,
  shapes: readonly Shape[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const withGpu = shapes.find(({ gpus }) => gpus > 0);
  const without = shapes.find(({ gpus }) => gpus === 0);
  for (const shape of [withGpu, without]) if (shape !== undefined) await probeOne(options, shape, signal);
}

async function probeOne(options: ProbeOptions, shape: Shape, signal: AbortSignal | undefined): Promise<void> {
  const { profile, folder, cwd, command, prefix } = options;
  const place = path.join(folder, 'probe');
  const [program = '', ...args] = command(shape);
  const asked = smallOptions(profile, shape);
  const looksFor = [program, ...args.filter((arg) => path.isAbsolute(arg))];
  const body = (token: string, answer: string): string =>
    [
      ...scriptHead(profile, shape),
      `[ -f ${quoted(token)} ] || exit ${NO_FOLDER}`,
      `cd -- ${quoted(cwd)} || exit ${NO_CWD}`,
      ...looksFor.map((file) => `[ -e ${quoted(file)} ] || exit ${NO_PROGRAM}`),
      `cat ${quoted(token)} > ${quoted(answer)} || exit ${NO_WRITING}`,
      '',
    ].join('\n');
  // Another profile, folder or program is another question.
  const question = digits(JSON.stringify([asked, body('', ''), folder]), 12);
  const token = path.join(place, `${question}.token`);
  const answer = path.join(place, `${question}.seen`);
  await mkdir(place, { recursive: true });
  await writeFile(token, randomBytes(16).toString('hex'), { flag: 'wx' }).catch(() => undefined);
  const said = await readFile(token, 'utf8');
  const answered = async (): Promise<boolean> => (await readFile(answer, 'utf8').catch(() => '')) === said;

  const name = `${prefix}${question}`;
  const send = (): Promise<Submitted> =>
    options.submitted(() =>
      submit(['--parsable', `--job-name=${name}`, '--output=/dev/null', ...asked], body(token, answer)),
    );
  /** Jobs that had ended before this one asked: their answer was to another state of things. */
  let stale: ReadonlySet<string> | undefined;
  const saidOnce = new Set<string>();
  let [sent, missed, patience] = [0, 0, PATIENCE_LOOKS];
  let before: Look | undefined;
  for (;;) {
    signal?.throwIfAborted();
    if (await answered()) return;
    const look = await options.look();
    if (!look.ok) options.onWait?.(`no answer from Slurm: ${look.words}`);
    if (look.ok && look !== before) {
      before = look;
      const all = [...look.jobs.values()].filter(({ job }) => job === name);
      stale ??= new Set(all.filter((one) => endOf(one) !== undefined).map(({ id }) => id));
      const jobs = all.filter(({ id }) => !stale!.has(id));
      const ended = jobs.find((one) => endOf(one) !== undefined);
      missed = jobs.length === 0 ? missed + 1 : 0;
      const queued = jobs.find(({ meaning }) => meaning === 'queued');
      if (queued !== undefined && queued.reason !== 'None')
        options.onWait?.(`it waits in the queue (${queued.reason})`);
      if (ended?.meaning === 'completed') {
        if (--patience === 0) throw unseen(NO_FOLDER, ended.node, { folder, cwd, looksFor });
      } else if (ended !== undefined && !saidOnce.has(ended.id)) {
        saidOnce.add(ended.id);
      } else if (ended?.meaning === 'failed') {
        throw unseen(ended.exitCode, ended.node, { folder, cwd, looksFor });
      } else if (ended !== undefined || (jobs.length === 0 && (sent === 0 || missed >= 2))) {
        if (ended !== undefined) stale = new Set([...stale, ended.id]);
        if (sent === MOST_JOBS) throw lost(name, folder);
        missed = 0;
        const came = await send();
        if (came.type === 'job') sent++;
        else options.onWait?.(`Slurm: ${came.words}`);
      }
    }
    await wait(options.glance, undefined, signal === undefined ? {} : { signal });
  }
}

function lost(name: string, folder: string): UserError {
  return new UserError(
    'cluster',
    `${MOST_JOBS} small jobs (${name}) were to look whether compute nodes see ${folder}, and none has answered`,
    '`sacct` may say what has become of them; `probe: false` in the profile goes on without.',
  );
}

function unseen(
  code: number | undefined,
  node: string | undefined,
  { folder, cwd, looksFor }: { readonly folder: string; readonly cwd: string; readonly looksFor: readonly string[] },
): UserError {
  const who = node === undefined ? 'a compute node' : `the compute node ${node}`;
  if (code === NO_FOLDER) {
    return new UserError(
      'cluster',
      `${who} does not see the store: ${folder} is not there`,
      'Put the store where all nodes see it: --store FOLDER on a shared file system.',
    );
  }
  if (code === NO_CWD) {
    return new UserError('cluster', `${who} does not see ${cwd}`, 'Run from a folder on a shared file system.');
  }
  if (code === NO_PROGRAM) {
    return new UserError(
      'cluster',
      `${who} does not see one of ${looksFor.join(', ')}`,
      'Install Node and Sonde on a shared file system.',
    );
  }
  if (code === NO_WRITING) {
    return new UserError('cluster', `${who} cannot write into ${folder}`, 'Its file system may be read-only there.');
  }
  return new UserError(
    'cluster',
    `a small job that looks whether compute nodes see ${folder} failed on ${node ?? 'its node'}${code === undefined ? '' : ` with exit status ${code}`}`,
    'The commands of `before:` in the profile run before it; try them with srun.',
  );
}
