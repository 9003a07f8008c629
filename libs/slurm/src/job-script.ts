import path from 'node:path';
import type { JobRequest, Profile } from './profile.ts';
import type { Shape } from './types.ts';

/** Seconds before the time limit at which a worker is told to end. */
const NOTICE = 60;

function requestFor(profile: Profile, shape: Shape): JobRequest {
  return shape.gpus > 0 ? profile.gpu : profile.cpu;
}

/** The options of sbatch that ask for the resources of a shape. What the command line says, no variable overrides. */
export function resourceOptions(profile: Profile, shape: Shape): readonly string[] {
  const asked = requestFor(profile, shape);
  const memory = shape.memoryBytes ?? asked.memoryBytes;
  const seconds = Math.max(shape.seconds ?? 0, asked.seconds ?? 0);
  return [
    ...placeOptions(asked),
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${shape.cpus ?? asked.cpus}`,
    ...(memory === undefined ? [] : [`--mem=${Math.ceil(memory / 2 ** 20)}M`]),
    ...(seconds === 0 ? [] : [`--time=${Math.ceil(seconds / 60)}`]),
    ...gpuOptions(profile, shape.gpus),
  ];
}

function placeOptions(asked: JobRequest): readonly string[] {
  const names = ['partition', 'account', 'qos', 'constraint', 'reservation'] as const;
  return names.flatMap((name) => (asked[name] === undefined ? [] : [`--${name}=${asked[name]}`]));
}

function gpuOptions(profile: Profile, gpus: number): readonly string[] {
  return gpus === 0 ? [] : [profile.gpuRequest.replaceAll('{n}', String(gpus))];
}

/** For a job that looks and ends: the same place, as little as can be asked for. */
export function smallOptions(profile: Profile, shape: Shape): readonly string[] {
  const asked = requestFor(profile, shape);
  return [
    ...placeOptions(asked),
    '--nodes=1',
    '--ntasks=1',
    '--time=5',
    ...gpuOptions(profile, Math.min(1, shape.gpus)),
  ];
}

/** The options that make an array of workers of a job; `avoid` names nodes. */
export function arrayOptions(
  profile: Profile,
  job: { readonly name: string; readonly size: number; readonly logs: string; readonly avoid: readonly string[] },
): readonly string[] {
  const avoid = [...profile.exclude, ...job.avoid];
  return [
    '--parsable',
    `--job-name=${job.name}`,
    `--array=0-${job.size - 1}`,
    `--output=${path.join(job.logs.replaceAll('%', '%%'), '%A_%a.log')}`,
    '--open-mode=append',
    profile.requeue ? '--requeue' : '--no-requeue',
    `--signal=B:TERM@${NOTICE}`,
    ...(avoid.length === 0 ? [] : [`--exclude=${avoid.join(',')}`]),
  ];
}

/** The script of a worker: the worker takes the place of the shell, so that Slurm's signals reach it. */
export function workerScript(
  profile: Profile,
  shape: Shape,
  worker: { readonly cwd: string; readonly command: readonly string[] },
): string {
  return [
    ...scriptHead(profile, shape),
    `cd -- ${quoted(worker.cwd)} || exit 1`,
    `exec ${worker.command.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

/** A script's beginning: the profile's own lines and commands. */
export function scriptHead(profile: Profile, shape: Shape): readonly string[] {
  const { sbatch, before } = requestFor(profile, shape);
  return ['#!/bin/bash', ...sbatch.map((line) => `#SBATCH ${line}`), ...(before === '' ? [] : [before])];
}

/** Text as a word of the shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
