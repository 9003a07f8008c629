import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCudaLibrary } from '@sonde/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
const run = (...args: string[]): Promise<Ended> => sonde(folder, args);

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  const reference = (name: string): string => `\${{ ${name} }}`;
  await writeFile(
    path.join(folder, 'p.yaml'),
    `sonde: 1
name: small
params: { count: 6 }
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: "${reference('params.count')}" } }
  states: { uses: activations/capture, with: { model: embedded:parlour-base, prompts: "${reference('steps.prompts.outputs.prompts')}", pool: [prompt] } }
`,
  );
  await run('run', 'p.yaml');
});
afterAll(() => remove());

const says = ({ status, stderr }: Ended, code: number, message: string | RegExp): void => {
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('fault in Sonde');
  expect(status).toBe(code);
};

describe('exports', () => {
  it('make the folder, and write the row index beside tensors', async () => {
    const { stdout } = await run('show', 'p.yaml', 'states.states', '--out', 'new/x.npy');
    expect(stdout).toBe('new/x.npy\nnew/x.index.csv\n');
    expect(await readFile(path.join(folder, 'new/x.index.csv'), 'utf8')).toMatch(/^prompt_id,/);
    await run('show', 'p.yaml', 'states.states', '--out', 'y.csv');
    expect(await readFile(path.join(folder, 'y.csv'), 'utf8')).toMatch(/^prompt_id,/);
  });
  it('know the tensor that is named', async () => {
    says(await run('show', 'p.yaml', 'states.states', '--out', 'x.npy', '--tensor', 'no'), 2, 'hidden_states');
  });
  it('say in words what the system refuses', async () => {
    await mkdir(path.join(folder, 'folder.csv'), { recursive: true });
    says(await run('show', 'p.yaml', 'prompts.prompts', '--out', 'folder.csv'), 2, 'it is a folder, not a file');
    says(await run('show', 'p.yaml', 'prompts.prompts', '--out', 'p.yaml/x.csv'), 2, /is a file|exists already/);
  });
  it.skipIf(process.getuid?.() === 0)('end with 4 where permission is missing', async () => {
    await mkdir(path.join(folder, 'locked'));
    await chmod(path.join(folder, 'locked'), 0o500);
    says(await run('show', 'p.yaml', 'prompts.prompts', '--out', 'locked/x.csv'), 4, 'permission is denied');
  });
});

describe('a Slurm profile', () => {
  it('with a typo is told by every command that would read it, with its place and what was meant', async () => {
    const place = path.join(folder, 'cluster');
    await mkdir(place, { recursive: true });
    await writeFile(path.join(place, 'p.yaml'), await readFile(path.join(folder, 'p.yaml')));
    await writeFile(path.join(place, 'slurm.yaml'), 'gpu:\n  tim: 4h\n');
    await writeFile(path.join(place, 'named.yaml'), 'partion: main\n');
    const typo = /slurm\.yaml:2:3: error SND104: unknown key `tim` in `gpu`[\s\S]*did you mean `time`\?/;
    for (const args of [['check'], ['plan', '--executor', 'slurm'], ['run', '--executor', 'slurm', '--detach']])
      says(await run(args[0]!, 'cluster/p.yaml', ...args.slice(1)), 2, typo);
    says(await run('plan', 'cluster/p.yaml', '--profile', 'cluster/named.yaml'), 2, /named\.yaml:1:1.*`partion`/);
    expect((await run('plan', 'cluster/p.yaml')).status).toBe(0);
    const { diagnostics } = JSON.parse((await run('check', 'cluster/p.yaml', '--json')).stdout);
    expect(diagnostics).toMatchObject([{ code: 'SND104', line: 2, column: 3, hint: 'did you mean `time`?' }]);
  });
  it.each([[], ['--detach']])(
    'without the programs of Slurm is of no use: a run says so before it begins (%j)',
    async (...more) => {
      const empty = path.join(folder, 'empty');
      await mkdir(empty, { recursive: true });
      const ended = await sonde(folder, ['run', 'p.yaml', '--executor', 'slurm', '--json', ...more], { PATH: empty });
      says(ended, 2, 'there is no `sbatch`, `squeue`, `scancel`, `scontrol` on the PATH');
      expect(ended.stdout).toBe('');
    },
  );
});

describe('options', () => {
  it('--allow-code takes a digest only after =', async () => {
    expect((await run('plan', '--allow-code', 'p.yaml')).status).toBe(0);
    says(await run('plan', 'p.yaml', '--allow-code=p.yaml'), 2, 'that is no digest');
    says(await run('plan', '--allow-code', `sha256:${'0'.repeat(64)}`, 'p.yaml'), 2, '--allow-code=sha256:0');
  });
  it('of run work with plan, explain and check, and are not in their help', async () => {
    for (const args of [
      ['plan', 'p.yaml'],
      ['check', 'p.yaml'],
      ['explain', 'p.yaml', 'prompts'],
    ])
      expect((await run(...args, '--jobs', '2', '--out', 'x', '--keep-going')).status).toBe(0);
    expect((await run('check', '--help')).stdout).not.toMatch(/--refresh|--device|--frozen|--jobs/);
    says(await run('graph', 'p.yaml', '--jobs', '2'), 2, 'It is an option of run, work.');
    says(await run('run', 'p.yaml', '--jobs', 'x'), 2, '--jobs takes a whole number from 1, not "x"');
  });
  it('graph: nothing is written over a file of the pipeline', async () => {
    says(await run('graph', 'p.yaml', '--out', './p.yaml'), 2, 'is a file of the pipeline, which would be lost');
    expect((await run('check', 'p.yaml')).status).toBe(0);
  });
  it('--device: a plan is for any device, a run for one that is there', async () => {
    says(await run('plan', 'p.yaml', '--device', 'tpu'), 2, 'Write cpu, cuda, cuda:0 or cuda:0,1');
    says(await run('plan', 'p.yaml', '--device', 'cuda:0,0'), 2, 'names a device twice');
    expect((await run('plan', 'p.yaml', '--device', 'cpu')).stdout).toBe('0 to run, 2 cached\n');
    expect((await run('plan', 'p.yaml', '--device', 'cuda:0,1')).stdout).toMatch(
      /runtime\.provider.*\n\n1 to run, 1 cached/,
    );
  });
  it.skipIf(hasCudaLibrary())('--device cuda: says what is missing before it starts', async () => {
    says(await run('run', 'p.yaml', '--device', 'cuda'), 2, 'Device cuda:0 cannot be used.');
    says(await run('models', 'check', 'embedded:parlour-base', '--device', 'cuda'), 2, 'Device cuda cannot be used.');
    says(
      await run('models', 'check', 'embedded:parlour-base', '--device', 'cuda:0,1'),
      2,
      'names several devices; one is needed here',
    );
  });
  it('--module: what is wrong with a module is said of the module', async () => {
    await writeFile(path.join(folder, 'throws.mjs'), 'throw new Error("not today");\n');
    await writeFile(path.join(folder, 'empty.mjs'), 'export const x = 1;\n');
    const steps = (file: string): Promise<Ended> => run('steps', '--module', file, '--allow-code');
    says(await steps('no.mjs'), 2, 'there is no module no.mjs');
    says(await steps('throws.mjs'), 2, 'the module throws.mjs cannot be used: not today');
    says(await steps('empty.mjs'), 2, 'the module empty.mjs exports no step kind');
    says(await run('steps', '--module', 'empty.mjs'), 2, '--allow-code');
  });
});

describe('answers', () => {
  it('tell the kinds of a scorer apart, each with what it is and takes', async () => {
    const { stdout } = await run('steps', 'text/score');
    expect(stdout).toMatch(/scorer {2}scorer or \{ kind: classifier\|lm\|perspective/);
    expect(stdout).toMatch(/ {4}kind: lm\n {6}A language model as judge[\s\S]*? {6}answers {2}/);
    // Where there is no terminal that is wider.
    expect(stdout.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it('suggest only names that are near', async () => {
    says(await run('steps', 'comand'), 2, 'Did you mean command?');
    expect((await run('steps', 'bogus')).stderr).not.toContain('Did you mean');
  });
  it('are JSON where it is asked for', async () => {
    expect(JSON.parse((await run('init', 'there', '--json')).stdout).files).toContain('there/pipeline.yaml');
    expect(JSON.parse((await run('store', 'pin', 'p.yaml', '--json')).stdout).pinned).toHaveLength(2);
  });
  it('say a thing once, and not what is not', async () => {
    says(await run('logs', 'last', 'nostep'), 2, 'Its steps: prompts, states.');
    expect((await run('explain', 'p.yaml', 'prompts')).stdout).toMatch(/\n {2}cached\n/);
    expect((await run('plan', 'p.yaml')).stdout).toBe('0 to run, 2 cached\n');
    expect((await run('doctor')).stdout).toMatch(/providers: cpu/);
    expect((await run('store', 'gc', '--keep-runs', '1')).stdout).toContain('within the last hour');
  });
  it('name the precisions that there are', async () => {
    await writeFile(
      path.join(folder, 'precision.yaml'),
      'sonde: 1\nname: t\nsteps:\n  g: { uses: text/generate, with: { model: { ref: embedded:parlour-base, dtype: float8 }, prompts: p.yaml } }\n',
    );
    says(await run('check', 'precision.yaml'), 2, 'expected one of `float32`, `float16`, `bfloat16`');
  });
});
