// The examples of docs/how-to, run as they stand.
import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readProfileText } from '@sonde/slurm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(root, path.join(folder, 'node_modules', 'sonde'), 'junction');
});
afterAll(() => remove());

const block = async (name: string, language: string): Promise<string> => {
  const text = await readFile(path.join(root, 'docs', 'how-to', name), 'utf8');
  return new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(text)![1]!;
};

it('add a step kind', async () => {
  await writeFile(path.join(folder, 'word-count.mjs'), await block('add-a-step-kind.md', 'js'));
  await writeFile(path.join(folder, 'pipeline.yaml'), await block('add-a-step-kind.md', 'yaml'));
  await writeFile(path.join(folder, 'poem.txt'), 'The rose is a rose is the rose.');
  const module = ['--module', 'word-count.mjs', '--allow-code'];
  const steps = await sonde(folder, ['steps', 'text/word-count', ...module]);
  expect(steps.stdout).toContain('Shorter words are left out.');
  const ran = await sonde(folder, ['run', ...module, 'pipeline.yaml']);
  expect(ran.stderr).toContain('done');
  expect(ran.status).toBe(0);
  const counts: unknown = JSON.parse(await readFile(path.join(folder, 'results', 'words', 'counts.json'), 'utf8'));
  expect(counts).toEqual({ rose: 3, the: 2 });
});

describe('a pipeline that names its modules', () => {
  const lock = async () => JSON.parse(await readFile(path.join(folder, 'sonde.lock'), 'utf8')) as { modules: object };
  const name = async (): Promise<void> => {
    const text = await block('add-a-step-kind.md', 'yaml');
    const module = await block('add-a-step-kind.md', 'js');
    await writeFile(path.join(folder, 'named.mjs'), module);
    await writeFile(
      path.join(folder, 'named.yaml'),
      text.replace('name: words\n', 'name: words\nmodules: [./named.mjs]\n'),
    );
    await writeFile(path.join(folder, 'poem.txt'), 'The rose is a rose is the rose.');
  };

  it('needs consent alone, and has their contents in its lock', async () => {
    await name();
    const refused = await sonde(folder, ['plan', 'named.yaml']);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('the pipeline names the module named.mjs, whose code has to run');
    const ran = await sonde(folder, ['run', 'named.yaml', '--allow-code']);
    expect(ran.stderr).toContain('done');
    expect(await lock()).toMatchObject({ modules: { 'named.mjs': expect.stringMatching(/^sha256:[0-9a-f]{64}$/) } });
  });

  it('is told of a module that has changed, and refuses it where nothing may move', async () => {
    await name();
    await sonde(folder, ['run', 'named.yaml', '--allow-code']);
    await appendFile(path.join(folder, 'named.mjs'), '// changed\n');
    const frozen = await sonde(folder, ['run', 'named.yaml', '--allow-code', '--frozen']);
    expect(frozen.stderr).toContain('the module named.mjs is not what sonde.lock says');
    expect(frozen.status).toBe(2);
    const ran = await sonde(folder, ['run', 'named.yaml', '--allow-code']);
    expect(ran.stderr).toContain('The module named.mjs has changed since sonde.lock was written');
    expect(ran.status).toBe(0);
  });
});

it('run a program of your own', async () => {
  await writeFile(path.join(folder, 'pipeline.yaml'), await block('run-your-own-program.md', 'yaml'));
  await writeFile(path.join(folder, 'poem.txt'), 'The rose is a rose.');
  const ran = await sonde(folder, ['run', '--allow-code', 'pipeline.yaml']);
  expect(ran.status).toBe(0);
  expect(await readFile(path.join(folder, 'results', 'shout', 'loud.txt'), 'utf8')).toBe('THE ROSE IS A ROSE.');
});

describe('score with your own program', () => {
  const page = 'score-with-your-own-program.md';
  const write = async (): Promise<void> => {
    await writeFile(path.join(folder, 'scorer.py'), await block(page, 'python'));
    await writeFile(path.join(folder, 'texts.csv'), await block(page, 'csv'));
    await writeFile(path.join(folder, 'pipeline.yaml'), await block(page, 'yaml'));
  };

  it('needs consent, and says to what', async () => {
    await write();
    const program = await sonde(folder, ['run', 'pipeline.yaml']);
    expect(program.stderr).toContain('runs a program that the pipeline names');
    expect(program.status).toBe(2);
    const text = await block(page, 'yaml');
    const service = text.replace(
      /kind: command[\s\S]*?attributes/,
      'kind: http\n        url: http://localhost:1/\n        attributes',
    );
    await writeFile(path.join(folder, 'pipeline.yaml'), service);
    const sent = await sonde(folder, ['run', 'pipeline.yaml']);
    expect(sent.stderr).toContain('sends its texts to http://localhost:1/');
    expect(sent.status).toBe(2);
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.skipIf(!hasPython)('gives its scores (python3)', async () => {
    await write();
    const ran = await sonde(folder, ['run', '--allow-code', 'pipeline.yaml']);
    expect(ran.stderr).toContain('done');
    expect(ran.status).toBe(0);
    const scores = await sonde(folder, ['show', 'pipeline.yaml', 'scores', '--out', 'scores.jsonl']);
    expect(scores.status).toBe(0);
    const rows = (await readFile(path.join(folder, 'scores.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(rows).toMatchObject([
      { 'score.SHOUTING': 1, outcome: 'ok', scorer: expect.stringMatching(/^scorer\.py:[0-9a-f]{12}$/) },
      { 'score.SHOUTING': 0.2, outcome: 'ok' },
      { outcome: 'empty' },
    ]);
  });
});

describe('a scorer of a module', () => {
  const run = async (scorer: string, module: string): Promise<Record<string, unknown>[]> => {
    const pipeline = `sonde: 1
name: module
steps:
  scores: { uses: text/score, with: { scorer: ${scorer}, texts: said.jsonl } }
`;
    await writeFile(path.join(folder, 'said.jsonl'), '{"text":"LOUD idea"}\n{"text":"so what"}\n');
    await writeFile(path.join(folder, 'pipeline.yaml'), pipeline);
    const options = ['pipeline.yaml', '--module', module, '--allow-code'];
    expect((await sonde(folder, ['run', ...options])).stderr).toContain('done');
    await sonde(folder, ['show', ...options, 'scores', '--out', 'scores.jsonl']);
    const lines = (await readFile(path.join(folder, 'scores.jsonl'), 'utf8')).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('gives its scores', async () => {
    await writeFile(path.join(folder, 'shout.mjs'), await block('score-with-your-own-classifier.md', 'js'));
    const rows = await run('{ kind: shout }', 'shout.mjs');
    expect(rows).toMatchObject([{ 'score.SHOUTING': 0.5, scorer: 'shout' }, { 'score.SHOUTING': 0 }]);
  });

  it('reads tables that its config names', async () => {
    const module = `import { defineScorer, schema } from 'sonde';
const { artifact, constant, object } = schema;
export const lexicon = defineScorer({
  kind: 'lexicon',
  revision: 1,
  summary: 'The weight of the weightiest word.',
  config: object({ kind: constant('lexicon'), table: artifact('table') }),
  ref: ({ table }) => table,
  load: async () => ({
    async open({ table }, { name, rows, columnsOf }) {
      const [word, weight] = await columnsOf(table);
      const weights = new Map();
      for await (const part of rows(table, [word, weight])) for (const row of part) weights.set(row[word], row[weight]);
      return {
        identity: { kind: 'lexicon', name, digest: table.digest },
        attributes: ['TOXICITY'],
        score: (texts) =>
          texts.map((text) => ({ outcome: 'ok', scores: [Math.max(0, ...text.split(' ').map((w) => weights.get(w) ?? 0))] })),
      };
    },
  }),
});
`;
    await writeFile(path.join(folder, 'lexicon.mjs'), module);
    await writeFile(path.join(folder, 'words.csv'), 'word,weight\nidea,0.25\nwhat,0.75\n');
    const rows = await run('{ kind: lexicon, table: words.csv }', 'lexicon.mjs');
    expect(rows).toMatchObject([{ 'score.TOXICITY': 0.25 }, { 'score.TOXICITY': 0.75 }]);
    expect(rows[0]!.scorer).toMatch(/^words\.csv:[0-9a-f]{12}$/);
  });
});

it('bring your own prompts and scores', async () => {
  await writeFile(path.join(folder, 'prompts.jsonl'), await block('bring-your-own-prompts.md', 'json'));
  await writeFile(
    path.join(folder, 'pipeline.yaml'),
    `sonde: 1
name: own
steps:
  prompts: { uses: prompts/sample, with: { source: prompts.jsonl } }
outputs: { prompts: "\${{ steps.prompts.outputs.prompts }}" }
`,
  );
  const ran = await sonde(folder, ['run', 'pipeline.yaml']);
  expect(ran.status).toBe(0);
  const shown = await sonde(folder, ['show', 'pipeline.yaml', 'prompts']);
  expect(shown.stdout).toMatch(/q1.*q2/s);
});

it('use from code', async () => {
  await writeFile(
    path.join(folder, 'pipeline.yaml'),
    `sonde: 1
name: code
params: { count: 3 }
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: "\${{ params.count }}" } }
`,
  );
  await writeFile(path.join(folder, 'program.mjs'), await block('use-from-code.md', 'js'));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^1 tasks may run, 0 are cached\nprompts: [\d.]+ s\nsucceeded sha256:[0-9a-f]{64}\n$/);
  expect(status).toBe(0);
});

it('the profiles of a Slurm cluster', async () => {
  const text = await readFile(path.join(root, 'docs', 'how-to', 'on-a-slurm-cluster.md'), 'utf8');
  const blocks = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)```/gm)].map(([, indent, yaml]) =>
    yaml!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  const profiles = blocks.filter((yaml) => !yaml.includes('steps:'));
  expect(profiles).toHaveLength(4);
  for (const profile of profiles) expect(readProfileText(profile, 'slurm.yaml')).toMatchObject({ ok: true });
});
