import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { renderDiagnostic } from '@sonde/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProfile, plainProfile, readProfileText } from '../src/index.ts';

function told(text: string): string {
  const read = readProfileText(text, '/lab/slurm.yaml');
  return read.ok ? 'no problem' : read.diagnostics.map((one) => renderDiagnostic(one)).join('\n');
}

describe('a Slurm profile', () => {
  it('needs to say nothing', () => {
    expect(plainProfile()).toMatchObject({
      gpuRequest: '--gres=gpu:{n}',
      gpu: { cpus: 1, sbatch: [], before: '' },
      smallTasks: 'here',
      workers: { most: 16, idleSeconds: 60 },
      requeue: true,
      exclude: [],
      probe: true,
    });
  });

  it('says for all jobs what jobs with and without GPUs say anew; their lines add up', () => {
    const read = readProfileText(
      `partition: main
account: my-lab
sbatch: [--mail-type=FAIL]
before: module load node/22
gpu:
  partition: a100
  request: --gpus-per-node=a100:{n}
  cpus: 8
  memory: 64GiB
  time: 4h
  sbatch: [--exclusive=user]
  before: module load cuda/12
scratch: { folder: /local/$USER, size: 80GB, keep: 0s }
limits: { jobs: 200, array: 50 }
`,
      'slurm.yaml',
    );
    expect(read).toMatchObject({
      ok: true,
      profile: {
        gpuRequest: '--gpus-per-node=a100:{n}',
        gpu: {
          partition: 'a100',
          account: 'my-lab',
          cpus: 8,
          memoryBytes: 64 * 2 ** 30,
          seconds: 4 * 3600,
          sbatch: ['--mail-type=FAIL', '--exclusive=user'],
          before: 'module load node/22\nmodule load cuda/12',
        },
        cpu: { partition: 'main', account: 'my-lab', cpus: 1, sbatch: ['--mail-type=FAIL'] },
        scratch: { folder: '/local/$USER', bytes: 80e9, keepSeconds: 0 },
        limits: { jobs: 200, array: 50 },
      },
    });
  });

  it('says where it has a typo, and what was meant', () => {
    expect(told('partition: main\nacount: my-lab\n')).toBe(
      `/lab/slurm.yaml:2:1: error SND104: unknown key \`acount\`
2 | acount: my-lab
  | ^^^^^^
  hint: did you mean \`account\`?`,
    );
    expect(told('gpu:\n  memmory: 4GiB\n')).toContain(
      '/lab/slurm.yaml:2:3: error SND104: unknown key `memmory` in `gpu`',
    );
    expect(told('small_tasks: her\n')).toContain('did you mean `here`?');
  });

  it.each([
    ['gpu: { memory: lots }', 'slurm.yaml:1:16: error SND108: `gpu.memory` must be a size such as 64GiB, found `lots`'],
    ['time: 04:00:00', '`time` must be a duration such as 30m or 4h, found `04:00:00`'],
    ['workers: { idle: soon }', '`workers.idle` must be a duration such as 60s, found `soon`'],
    ['workers: { most: 0 }', '`workers.most`: must be 1 or more, found integer 0'],
    ['gpu: { request: --gres=gpu:1 }', '`gpu.request`'],
    ['partition: "a\\nscancel -u root"', '`partition`'],
    ['sbatch: --mail-type=FAIL', '`sbatch`: expected list, found string "--mail-type=FAIL"'],
    ['partition: a\npartition: b', '`partition` is given twice'],
    ['- partition', 'slurm.yaml:1:1: error'],
    ['', 'the file is empty; expected a Slurm profile'],
  ])('refuses %s', (text, words) => {
    expect(told(text)).toContain(words);
  });
});

describe('where a profile is looked for', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sonde-profile-'));
    for (const name of ['experiment', 'settings', 'empty']) await mkdir(path.join(folder, name));
    for (const name of ['experiment/slurm.yaml', 'settings/slurm.yaml', 'other.yaml'])
      await writeFile(path.join(folder, name), '{}');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const find = (named: string | undefined, beside: string): string | undefined =>
    findProfile({
      named,
      besidePipeline: path.join(folder, beside),
      settingsFolder: path.join(folder, 'settings'),
    });

  it('takes the one named, else the one beside the pipeline, else that of the user', () => {
    expect(find(path.join(folder, 'other.yaml'), 'experiment')).toBe(path.join(folder, 'other.yaml'));
    expect(find(undefined, 'experiment')).toBe(path.join(folder, 'experiment', 'slurm.yaml'));
    expect(find(undefined, 'empty')).toBe(path.join(folder, 'settings', 'slurm.yaml'));
  });

  it('does not go on without the one named', () => {
    expect(() => find(path.join(folder, 'gone.yaml'), 'experiment')).toThrow('there is no file');
  });
});
