import { watch } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@sonde/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runPipeline, sonde, startSonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => ({ folder, remove } = await temporaryFolder()));
afterEach(() => remove());

const reference = (name: string): string => `\${{ ${name} }}`;

/** Steps that write one JSON file each: `good`; `bad`, which fails where `fail` is set; one for each item. */
const pipeline = (outputs = 'good: good, bad: bad, each: each'): string => {
  const program = "require('fs').writeFileSync(process.argv[2], process.argv[1]); process.exit(process.argv[3] | 0)";
  const step = (name: string, value: string, more = '', fail = '0') =>
    `  ${name}:
    uses: command
    ${more}
    with:
      argv: [node, -e, "${program}", "${value}", "${reference('outputs.out')}", "${fail}"]
      outputs: { out: { type: json, file: out.json } }`;
  const named = outputs
    .split(', ')
    .map((entry) => entry.split(': '))
    .map(([name, from]) => `${name}: "${reference(`steps.${from}.outputs.out`)}"`);
  return `sonde: 1
name: results
params: { value: 1, fail: 0, items: [4, 5] }
steps:
${step('good', `[${reference('params.value')}]`)}
${step('bad', `[2, ${reference('params.value')}]`, '', ` ${reference('params.fail')}`)}
${step('each', `[${reference('matrix.item')}]`, `matrix: { item: "${reference('params.items')}" }\n    needs: [bad]`)}
outputs: { ${named.join(', ')} }
`;
};

const write = (text: string): Promise<void> => writeFile(path.join(folder, 'p.yaml'), text);
const run = (...args: string[]) => runPipeline(folder, 'p.yaml', '--allow-code', '--jobs', '1', ...args);
const results = async (): Promise<string[]> =>
  (await readdir(path.join(folder, 'results/results'), { recursive: true })).sort();
const text = (file: string): Promise<string> => readFile(path.join(folder, 'results/results', file), 'utf8');

interface Provenance {
  readonly run: string;
  readonly outputs: Record<string, { digest: string; run: string }>;
  readonly earlier_runs?: Record<string, { params: Record<string, unknown>; tasks: unknown[] }>;
}
const provenance = async (): Promise<Provenance> => JSON.parse(await text('provenance.json')) as Provenance;

const ALL = ['bad.json', 'each', 'each/item=4.json', 'each/item=5.json', 'good.json', 'provenance.json'];

describe('the results of an earlier run', () => {
  it('stay where a run fails, which says so, and each file is described as that run’s', async () => {
    await write(pipeline());
    const first = await run();
    expect(first.status, first.stderr).toBe(0);
    expect(await results()).toEqual(ALL);

    const failed = await run('--set', 'value=7', '--set', 'fail=1', '--keep-going');
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(
      /results\/results holds results of an earlier run \([^)]+\) for what did not succeed here: .*bad\.json/,
    );
    expect(await results()).toEqual(ALL);
    expect([await text('good.json'), await text('bad.json')]).toEqual(['[7]', '[2, 1]']);

    const { run: newest, outputs, earlier_runs: earlier } = await provenance();
    const old = outputs['bad.json']!.run;
    expect(outputs['good.json']!.run).toBe(newest);
    expect(old).not.toBe(newest);
    expect(earlier![old]).toMatchObject({ params: { value: 1, fail: 0 } });
    expect(earlier![old]!.tasks).toHaveLength(4);

    const again = await run('--set', 'value=7');
    expect([again.status, again.stderr]).toEqual([0, expect.not.stringContaining('earlier run')]);
    expect(Object.values((await provenance()).outputs).map((output) => output.run)).toEqual(
      Array(4).fill((await provenance()).run),
    );
    expect((await provenance()).earlier_runs).toBeUndefined();
  });

  it('stay where only some steps are run, and where a run is interrupted', async () => {
    await write(pipeline());
    expect((await run()).status).toBe(0);
    const some = await run('good', '--set', 'value=5');
    expect([some.status, await results()]).toEqual([0, ALL]);
    expect([await text('good.json'), await text('bad.json')]).toEqual(['[5]', '[2, 1]']);
    expect(
      Object.values((await provenance()).outputs).filter(({ run: id }) => id === some.events[0]!.run),
    ).toHaveLength(1);

    const stopped = startSonde(folder, ['run', 'p.yaml', '--allow-code', '--json', '--jobs', '1', '--set', 'value=6']);
    await stopped.until(({ event }) => event === 'task.started');
    stopped.child.kill('SIGINT');
    expect((await stopped.ended).status).toBe(130);
    expect(await results()).toEqual(ALL);
  });

  it('go where a run succeeded and they are no outputs any more, empty folders too; other files stay', async () => {
    await write(pipeline());
    expect((await run()).status).toBe(0);
    await writeFile(path.join(folder, 'results/results/notes.txt'), 'mine');
    await write(pipeline('good: good'));
    expect((await run()).status).toBe(0);
    expect(await results()).toEqual(['good.json', 'notes.txt', 'provenance.json']);
  });
});

describe('a run killed while it writes its results', () => {
  it('leaves no provenance.json that is wrong, and nothing hidden once another run has written there', async () => {
    await write(pipeline());
    const target = path.join(folder, 'results/results');
    for (const value of ['7', '1']) expect((await run('--set', `value=${value}`)).status).toBe(0);
    const moments = [
      '.sonde-results',
      'provenance.json',
      'good.json',
      '.sonde-results',
      'provenance.json',
      'good.json',
    ];
    for (const [round, moment] of moments.entries()) {
      const value = round % 2 === 0 ? '7' : '1';
      const killed = startSonde(folder, ['run', 'p.yaml', '--allow-code', '--set', `value=${value}`]);
      const watcher = watch(target, (_, name) => name === moment && killed.child.kill('SIGKILL'));
      await killed.ended;
      watcher.close();
      if ((await results()).includes('provenance.json')) {
        for (const [file, { digest }] of Object.entries((await provenance()).outputs)) {
          expect(digestOf(await text(file)), file).toBe(digest);
        }
      }
    }
    expect((await run()).status).toBe(0);
    expect(await results()).toEqual(ALL);
    expect(await text('good.json')).toBe('[1]');
  });

  it('is brought to its end by the next one, before that begins', async () => {
    await write(pipeline());
    expect((await run()).status).toBe(0);
    // As a kill between the first and the last rename leaves it.
    const target = path.join(folder, 'results/results');
    const stage = path.join(target, '.sonde-results');
    await mkdir(path.join(stage, 'files/each'), { recursive: true });
    await mkdir(path.join(stage, 'old'));
    await rename(path.join(target, 'provenance.json'), path.join(stage, 'old/0'));
    const old = JSON.parse(await readFile(path.join(stage, 'old/0'), 'utf8')) as Provenance;
    await writeFile(path.join(target, 'good.json'), '[8]');
    await writeFile(path.join(stage, 'files/each/item=9.json'), '[9]');
    const outputs = { ...old.outputs, 'each/item=9.json': { digest: digestOf('[9]'), task: 'each[item=9]', run: 'x' } };
    await writeFile(path.join(stage, 'provenance.json'), JSON.stringify({ ...old, outputs }));
    const plan = { put: ['good.json', 'each/item=9.json'], remove: ['bad.json'] };
    await writeFile(path.join(stage, 'plan.json'), JSON.stringify(plan));
    const some = await run('good', '--set', 'value=5');
    expect(some.status, some.stderr).toBe(0);
    expect(await results()).toEqual([
      'each',
      'each/item=4.json',
      'each/item=5.json',
      'each/item=9.json',
      'good.json',
      'provenance.json',
    ]);
    expect(Object.keys((await provenance()).outputs)).toContain('each/item=9.json');
  });

  it('that fails leaves all as it was: files, provenance.json, no hidden copy', async () => {
    await write(pipeline());
    expect((await run()).status).toBe(0);
    const before = await text('provenance.json');
    await rm(path.join(folder, 'results/results/bad.json'));
    await mkdir(path.join(folder, 'results/results/bad.json'));
    await writeFile(path.join(folder, 'results/results/bad.json/mine'), 'mine');
    const failed = await run('--set', 'value=7');
    expect(failed.status).toBe(4);
    expect(failed.stderr).toMatch(/bad\.json holds mine, which would be lost/);
    expect(await text('good.json')).toBe('[1]');
    expect(await text('provenance.json')).toBe(before);
    expect((await results()).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a place where results cannot be written', () => {
  const nothingRan = async (): Promise<void> =>
    expect(JSON.parse((await sonde(folder, ['store', 'status', '--json'])).stdout)).toMatchObject({ results: 0 });

  it('that is a file, or lies below one, is refused before anything runs', async () => {
    await write(pipeline());
    await writeFile(path.join(folder, 'taken'), 'a file');
    for (const out of ['taken', 'taken/below/it']) {
      const refused = await run('--out', out);
      expect([refused.status, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toMatch(/the results cannot be written to .*taken.* file/);
      expect(refused.stderr).not.toContain('fault in Sonde');
    }
    expect(await readFile(path.join(folder, 'taken'), 'utf8')).toBe('a file');
    await nothingRan();
  });

  it.skipIf(process.getuid?.() === 0)('that may not be written to ends with 4 before anything runs', async () => {
    await write(pipeline());
    await mkdir(path.join(folder, 'closed'));
    await chmod(path.join(folder, 'closed'), 0o555);
    const refused = await run('--out', 'closed/results');
    expect([refused.status, refused.stdout]).toEqual([4, '']);
    expect(refused.stderr).toContain('permission is denied');
    await nothingRan();
  });

  it('that takes no files at all ends with 4 before anything runs', async ({ skip }) => {
    if (process.platform !== 'linux') skip();
    await write(pipeline());
    const refused = await run('--out', '/proc/self/fdinfo/results');
    expect(refused.status).toBe(4);
    expect(refused.stderr).toMatch(/the results cannot be written/i);
    await nothingRan();
  });

  it('found out when all is computed still ends with the line of the run', async () => {
    await write(pipeline('good: good'));
    // A folder that somebody has filled stands where the file must go: no check beforehand can promise against that.
    await mkdir(path.join(folder, 'results/results/good.json'), { recursive: true });
    await writeFile(path.join(folder, 'results/results/good.json/mine'), 'mine');
    const failed = await run();
    expect(failed.status).toBe(4);
    expect(failed.stderr).toMatch(/the results cannot be written/i);
    expect(failed.stderr).not.toContain('fault in Sonde');
    expect(failed.events.at(-1)).toMatchObject({ event: 'run.finished', counts: { ran: 4 } });
  });
});

describe('damage in what is exported', () => {
  it('is healed in the same run, however much of it there is', async () => {
    await write(pipeline());
    expect((await run()).status).toBe(0);
    const store = path.join(folder, 'store/blobs');
    const blobs = await readdir(store, { recursive: true, withFileTypes: true });
    for (const entry of blobs.filter((found) => found.isFile())) {
      const blob = path.join(entry.parentPath, entry.name);
      const bytes = await readFile(blob);
      bytes[0] = bytes[0]! ^ 1;
      await writeFile(`${blob}.new`, bytes);
      await rename(`${blob}.new`, blob);
    }
    const healed = await run();
    expect([healed.status, healed.counts], healed.stderr).toMatchObject([0, { ran: 4, cached: 0, failed: 0 }]);
    expect(await text('bad.json')).toBe('[2, 1]');
    expect((await sonde(folder, ['store', 'verify'])).status).toBe(0);
  });
});
