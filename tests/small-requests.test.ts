// What a person asks of the command line in passing: outputs copied out, past runs, help, where the store is.
import { execFileSync, execSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sonde, type TaskEvent, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

const write = (name: string, text: string) => writeFile(path.join(folder, name), text);
const read = (name: string) => readFile(path.join(folder, name), 'utf8');

describe('outputs', () => {
  beforeAll(async () => {
    await write(
      'files.yaml',
      `sonde: 1
name: files
steps:
  note:
    uses: command
    matrix: { word: [one, two] }
    with:
      argv: [node, -e, "require('fs').writeFileSync('n.txt', process.argv[1])", "\${{ matrix.word }}"]
      outputs: { note: { type: file, file: n.txt } }
  single:
    uses: command
    with:
      argv: [node, -e, "require('fs').writeFileSync('plan.md', '# plan')"]
      outputs: { plan: { type: file, file: plan.md } }
  prompts:
    uses: prompts/sample
    matrix: { seed: [1, 2] }
    with: { source: "embedded:parlour-prompts", count: 3, seed: "\${{ matrix.seed }}" }
outputs:
  plan: \${{ steps.single.outputs.plan }}
  notes: \${{ steps.note.outputs.note }}
`,
    );
    const ran = await sonde(folder, ['run', 'files.yaml', '--allow-code']);
    expect(ran.status, ran.stderr).toBe(0);
  });

  it('of type file keep the ending of what the program wrote', async () => {
    expect(await read('results/files/plan.md')).toBe('# plan');
    expect((await readdir(path.join(folder, 'results/files/notes'))).sort()).toEqual(['word=one.txt', 'word=two.txt']);
  });

  it('of type file are exported as they are, under any name', async () => {
    const shown = await sonde(folder, ['show', 'files.yaml', 'single.plan', '--out', 'copy/x.txt']);
    expect(shown.stdout.trim(), shown.stderr).toBe('copy/x.txt');
    expect(await read('copy/x.txt')).toBe('# plan');
  });

  it('of a matrix are exported at once, into a folder or in a format', async () => {
    const all = await sonde(folder, ['show', 'files.yaml', 'note', '--out', 'all/']);
    expect(all.stdout.trim().split('\n'), all.stderr).toEqual(['all/word=one.txt', 'all/word=two.txt']);
    expect(await read('all/word=two.txt')).toBe('two');
    const csv = await sonde(folder, ['show', 'files.yaml', 'prompts.prompts', '--out', 'csv/{}.csv']);
    expect(csv.stdout.trim().split('\n'), csv.stderr).toEqual(['csv/seed=1.csv', 'csv/seed=2.csv']);
    expect(await read('csv/seed=1.csv')).toMatch(/^prompt_id,/);
    const one = await sonde(folder, ['show', 'files.yaml', 'prompts.prompts', '--out', 'one.csv']);
    expect(one.status).toBe(2);
    expect(one.stderr).toContain("--out 'DIR/{}.csv'");
  });

  it('are listed under a header with the runs', async () => {
    const [header, run] = (await sonde(folder, ['runs'])).stdout.split('\n');
    expect(header).toMatch(/^run +pipeline +status +tasks, time$/);
    expect(run!.indexOf('files')).toBe(header!.indexOf('pipeline'));
  });
});

describe('two files of the same bytes', () => {
  it('are told apart where both are wrong', async () => {
    for (const name of ['a.jsonl', 'b.jsonl']) await write(name, '{"text":"x"}\n{"text":');
    await write(
      'same.yaml',
      `sonde: 1
name: same
steps:
  one: { uses: table/import, with: { source: ./a.jsonl } }
  two: { uses: table/import, with: { source: ./b.jsonl } }
  again: { uses: table/import, with: { source: ./a.jsonl } }
`,
    );
    const { stdout } = await sonde(folder, ['run', 'same.yaml', '--keep-going', '--json']);
    const failed = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TaskEvent)
        .filter(({ event }) => event === 'task.failed')
        .map(({ task, failure }) => [task, (failure as { message: string }).message]),
    );
    // Whichever of the two began names its own file; the other one is told of its.
    const said = (name: string) => [
      expect.stringMatching(new RegExp(`${name}:2: [^\\n]*$`)),
      expect.stringMatching(new RegExp(`\\.jsonl:2: .*\\nHere the same bytes come from \\./${name}\\.$`)),
    ];
    const [ofA, ofB] = [said('a.jsonl'), said('b.jsonl')];
    expect([
      [ofA[0], ofB[1]],
      [ofA[1], ofB[0]],
    ]).toContainEqual([failed.one, failed.two]);
    expect(failed.again).toBe(failed.one);
  });
});

describe('a pipeline that is refused', () => {
  it('is a JSON object of diagnostics for run, plan, explain and check', async () => {
    await mkdir(path.join(folder, 'adapter'));
    await write('adapter/adapter_config.json', '{}');
    await write(
      'refused.yaml',
      `sonde: 1
name: refused
steps:
  prompts: { uses: prompts/sample, with: { source: "embedded:parlour-prompts", count: 3 } }
  said:
    uses: text/generate
    with: { model: ./adapter, prompts: "\${{ steps.prompts.outputs.prompts }}" }
`,
    );
    for (const command of [['run'], ['plan'], ['check'], ['explain', 'said']]) {
      const [name, ...more] = command as [string, ...string[]];
      const { status, stdout, stderr } = await sonde(folder, [name, 'refused.yaml', ...more, '--json']);
      expect([status, stderr], name).toEqual([2, '']);
      expect(JSON.parse(stdout), name).toMatchObject({
        sonde: 1,
        pipeline: 'refused.yaml',
        diagnostics: [{ code: 'SND201', message: expect.stringContaining('config.json'), line: 7 }],
      });
    }
  });
});

it('an unknown step kind that a module would bring says so', async () => {
  await write('own.yaml', 'sonde: 1\nname: own\nsteps:\n  a: { uses: text/word-count, with: { text: ./a.jsonl } }\n');
  const { status, stderr } = await sonde(folder, ['check', 'own.yaml']);
  expect(stderr).toMatch(/SND140: unknown step kind `text\/word-count`[\s\S]*comes with its module: `modules: \[/);
  expect(status).toBe(2);
});

describe('where nothing is yet', () => {
  it('logs says that there is no run', async () => {
    const { status, stderr } = await sonde(folder, ['logs', 'last', '--store', 'none']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/there is no run in .*none yet/);
  });

  it('help names the nearest command', async () => {
    const { status, stderr } = await sonde(folder, ['help', 'shwo']);
    expect([status, stderr]).toEqual([2, 'error: there is no command "shwo"\nDid you mean "show"?\n']);
    expect((await sonde(folder, ['--no-color', '--store', 's', 'help', 'shwo'])).status).toBe(2);
    expect((await sonde(folder, ['help', 'store', 'gc'])).status).toBe(0);
    expect((await sonde(folder, ['help'])).status).toBe(0);
  });

  it('init says a command that works from here', async () => {
    const { stderr } = await sonde(folder, ['init', 'mine']);
    const next = /^Next: (.*)\n$/.exec(stderr)![1]!;
    expect(next).not.toContain('npx');
    expect(execSync(next.replace(' run ', ' plan '), { cwd: folder, encoding: 'utf8' })).toContain('to run');
  });

  it('run says once where the store is, outside any package', async () => {
    await write(
      'few.yaml',
      'sonde: 1\nname: few\nsteps:\n  p: { uses: prompts/sample, with: { source: "embedded:parlour-prompts", count: 2 } }\n',
    );
    const env = { SONDE_STORE: '', XDG_CACHE_HOME: path.join(folder, 'xdg'), HOME: folder, LOCALAPPDATA: folder };
    const first = await sonde(folder, ['run', 'few.yaml'], env);
    expect(first.stderr).toMatch(
      /No package\.json is near, so what is computed is kept in .*\n.*--store DIR, or SONDE_STORE=DIR/,
    );
    expect((await sonde(folder, ['run', 'few.yaml'], env)).stderr).not.toContain('package.json');
  });

  it.skipIf(process.platform === 'win32')('a named pipe is refused as data, not waited for', async () => {
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    await write('pipe.yaml', 'sonde: 1\nname: pipe\nsteps:\n  p: { uses: table/import, with: { source: ./pipe } }\n');
    const { status, stderr } = await sonde(folder, ['check', 'pipe.yaml']);
    expect(stderr).toMatch(/\.\/pipe` is neither a file nor a folder/);
    expect(status).toBe(2);
  });
});
