import { describe, expect, it } from 'vitest';
import { jobTimeIn, readProfileText } from '../src/index.ts';
import { arrayOptions, resourceOptions, workerScript } from '../src/job-script.ts';
import { jobName, prefixOf } from '../src/names.ts';
import type { Profile } from '../src/profile.ts';

function profileOf(text: string): Profile {
  const read = readProfileText(text, 'slurm.yaml');
  if (!read.ok) throw new Error('not a profile');
  return read.profile;
}

const lab = profileOf(`account: lab
sbatch: [--mail-type=FAIL]
before: module load node/22
gpu: { partition: a100, request: "--gpus-per-node=a100:{n}", cpus: 8, memory: 64GiB, time: 4h }
cpu: { partition: main, time: 1h }
exclude: [n7]
`);

describe('what sbatch is asked for', () => {
  it('is what the profile says, and what the shape says over it', () => {
    expect(resourceOptions(lab, { gpus: 4 })).toEqual([
      '--partition=a100',
      '--account=lab',
      '--nodes=1',
      '--ntasks=1',
      '--cpus-per-task=8',
      '--mem=65536M',
      '--time=240',
      '--gpus-per-node=a100:4',
    ]);
    expect(resourceOptions(lab, { gpus: 0, cpus: 3, memoryBytes: 1.5 * 2 ** 30 })).toEqual([
      '--partition=main',
      '--account=lab',
      '--nodes=1',
      '--ntasks=1',
      '--cpus-per-task=3',
      '--mem=1536M',
      '--time=60',
    ]);
  });

  it('is no less time than the longest piece of work may take', () => {
    expect(resourceOptions(lab, { gpus: 1, seconds: 6 * 3600 })).toContain('--time=360');
    expect(resourceOptions(lab, { gpus: 1, seconds: 60 })).toContain('--time=240');
  });

  it('is an array that avoids nodes, whose logs are found by the worker', () => {
    const options = arrayOptions(lab, { name: 'sonde-x', size: 3, logs: '/store/100%', avoid: ['n2'] });
    expect(options).toContain('--array=0-2');
    expect(options).toContain('--exclude=n7,n2');
    expect(options).toContain('--output=/store/100%%/%A_%a.log');
  });
});

describe('the script of a worker', () => {
  it('runs the commands before, and then nothing but the worker', () => {
    const script = workerScript(lab, { gpus: 1 }, { cwd: "/home/o'neil", command: ['/bin/node', 'cli.js', 'a b'] });
    expect(script).toBe(`#!/bin/bash
#SBATCH --mail-type=FAIL
module load node/22
cd -- '/home/o'\\''neil' || exit 1
exec '/bin/node' 'cli.js' 'a b'
`);
  });
});

describe('the name of jobs', () => {
  it('is the same for the same scope and shape, and for no others', () => {
    const shapes = [
      { gpus: 1 },
      { gpus: 2 },
      { gpus: 1, cpus: 8 },
      { gpus: 1, memoryBytes: 2 ** 30 },
      { gpus: 1, seconds: 60 },
      { gpus: 1, work: 'b' },
    ];
    const names = shapes.flatMap((shape) => ['store a run 1', 'store a run 2'].map((scope) => jobName(scope, shape)));
    expect(new Set(names)).toHaveLength(names.length);
    expect(jobName('store a run 1', { gpus: 1 })).toBe(names[0]);
    expect(jobName('s', { seconds: 3600, gpus: 1, cpus: 8, memoryBytes: 64 * 2 ** 30 })).toMatch(
      /^sonde-[0-9a-f]{12}-gpu1-cpu8-64GiB-60min-[0-9a-f]{6}$/,
    );
    expect(names[0]!.startsWith(prefixOf('store a run 1'))).toBe(true);
  });
});

describe('the time of a job', () => {
  it.each([
    ['JobId=7 RunTime=00:01:10 TimeLimit=00:02:00 TimeMin=N/A', { ran: 70, limit: 120 }],
    ['RunTime=1-01:00:00 TimeLimit=2-00:00:00', { ran: 90_000, limit: 172_800 }],
    ['RunTime=00:01:10 TimeLimit=UNLIMITED', undefined],
    ['slurm_load_jobs error: Invalid job id specified', undefined],
  ])('is what Slurm says: %s', (text, time) => {
    expect(jobTimeIn(text)).toEqual(time);
  });
});
