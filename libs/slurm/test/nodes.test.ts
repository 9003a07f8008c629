import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capacitiesFor, readProfileText } from '../src/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sonde-sinfo-'));
const before = process.env.PATH;
const say = (lines: readonly string[], status = 0) => {
  const file = path.join(folder, 'sinfo');
  writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\nexit ${status}\n`);
  chmodSync(file, 0o755);
};
beforeAll(() => {
  process.env.PATH = `${folder}${path.delimiter}${before}`;
  say([
    'c1|cpu*|idle|64|avx512|(null)',
    'c2|cpu*|mix|64|avx512|(null)',
    'c3|cpu*|down|64|avx512|(null)',
    'c4|cpu*|idle*|64|avx512|(null)',
    'g1|gpu|alloc|128|80gb,ib|gpu:a100:4(S:0-1)',
    'g1|all|alloc|128|80gb,ib|gpu:a100:4(S:0-1)',
    'g2|gpu|drng|128|80gb|gpu:a100:4',
    'g3|gpu|mix|128|40gb|gpu:a100:3,gpu:v100:1,mps:100',
    'g4|old|idle~|32|old|gpu:2',
  ]);
});
afterAll(() => {
  process.env.PATH = before;
  rmSync(folder, { recursive: true });
});

async function capacity(profile: string, withGpus: boolean) {
  const read = readProfileText(profile, 'slurm.yaml');
  if (!read.ok) throw new Error('the profile is not valid');
  return (await capacitiesFor(read.profile))[withGpus ? 'gpu' : 'cpu'];
}

describe('what a cluster has', () => {
  it('is that of the partition asked for, or the default one, on nodes that take jobs', async () => {
    expect(await capacity('{}', false)).toEqual({ nodes: 2, cpus: 128, gpus: 0, cards: [] });
    expect(await capacity('gpu: { partition: gpu }', true)).toMatchObject({ nodes: 2, gpus: 8 });
    expect(await capacity('gpu: { partition: "gpu,old" }', true)).toMatchObject({ nodes: 3, gpus: 10 });
    expect(await capacity('partition: all', true)).toEqual({ nodes: 1, cpus: 128, gpus: 4, cards: ['a100'] });
    expect(await capacity('partition: none', true)).toMatchObject({ nodes: 0, gpus: 0 });
  });

  it('counts the GPUs of the sort that is asked for, with the features, without the nodes to avoid', async () => {
    const v100 = 'gpu: { partition: gpu, request: "--gres=gpu:v100:{n}" }';
    expect(await capacity(v100, true)).toMatchObject({ nodes: 1, gpus: 1, cards: ['v100'] });
    const a100 = 'gpu: { partition: gpu, request: "--gpus-per-node=a100:{n}" }';
    expect(await capacity(a100, true)).toMatchObject({ gpus: 7, cards: ['a100'] });
    expect(await capacity('gpu: { partition: gpu, constraint: 80gb }', true)).toMatchObject({ nodes: 1, gpus: 4 });
    expect(await capacity('gpu: { partition: gpu }\nexclude: [g1]', true)).toMatchObject({ nodes: 1, gpus: 4 });
  });

  it('is not said where only Slurm knows what is asked, or it does not answer', async () => {
    expect(await capacity('sbatch: [--nodelist=c1]', false)).toBeUndefined();
    expect(await capacity('constraint: "[a&b]"', false)).toBeUndefined();
    say([], 1);
    expect(await capacity('{}', false)).toBeUndefined();
  });
});
