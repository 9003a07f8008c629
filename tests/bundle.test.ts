import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipeline, sonde, startSonde, temporaryFolder } from './sonde.ts';

let folder: string;
let home: string;
let remove: () => Promise<void>;
let bundle: string;

const PIPELINE = `sonde: 1
name: small
steps:
  prompts:
    uses: prompts/sample
    with: { source: ./data/texts.jsonl, count: 20, seed: 0 }
  continuations:
    uses: text/generate
    with:
      model: embedded:parlour-base
      prompts: \${{ steps.prompts.outputs.prompts }}
      max_new_tokens: 5
      seed: 0
  scores:
    uses: text/score
    with: { scorer: embedded:toxicity, texts: "\${{ steps.continuations.outputs.continuations }}" }
outputs:
  scores: \${{ steps.scores.outputs.scores }}
`;

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  home = path.join(folder, 'home');
  await mkdir(path.join(home, 'data'), { recursive: true });
  const texts = Array.from({ length: 30 }, (_, i) =>
    JSON.stringify({ prompt_id: `p${i}`, text: `guest number ${i} said` }),
  );
  await writeFile(path.join(home, 'data', 'texts.jsonl'), `${texts.join('\n')}\n`);
  await writeFile(path.join(home, 'p.yaml'), PIPELINE);
  const run = await runPipeline(home, 'p.yaml');
  expect(run.status, run.stderr + run.stdout).toBe(0);
  bundle = path.join(folder, 'small.sonde');
  const created = await sonde(home, ['bundle', 'create', 'p.yaml', '-o', bundle]);
  expect(created.status, created.stderr).toBe(0);
});
afterAll(() => remove());

async function machine(name: string): Promise<string> {
  const place = path.join(folder, name);
  await mkdir(place);
  return place;
}

describe('a bundle', () => {
  it('has the same bytes whenever and in whatever time zone it is made', async () => {
    const again = path.join(folder, 'again.sonde');
    await sonde(home, ['bundle', 'create', 'p.yaml', '-o', again], { TZ: 'Pacific/Auckland' });
    expect((await readFile(again)).equals(await readFile(bundle))).toBe(true);
  });

  it('opened in another folder with another store runs nothing, and gives the same bundle again', async () => {
    const there = await machine('there');
    const opened = await sonde(there, ['bundle', 'open', bundle, 'experiment', '--json']);
    expect(JSON.parse(opened.stdout), opened.stderr).toMatchObject({ results: 3, different: [] });
    const beside = await sonde(there, ['bundle', 'open', bundle, 'beside', '--store', 'other store']);
    expect(beside.stderr).toContain("sonde run beside/p.yaml --store 'other store'");
    const run = await runPipeline(there, 'experiment/p.yaml');
    expect(run.ran).toEqual([]);
    expect(run.counts).toMatchObject({ cached: 3, ran: 0 });
    const second = path.join(there, 'second.sonde');
    await sonde(there, ['bundle', 'create', 'experiment/p.yaml', '-o', second]);
    expect((await readFile(second)).equals(await readFile(bundle))).toBe(true);
    const twice = await sonde(there, ['bundle', 'open', bundle, 'experiment']);
    expect(twice).toMatchObject({ status: 2, stderr: expect.stringContaining('exists already') });
  });

  it('can stand where a pipeline file stands', async () => {
    const there = await machine('direct');
    expect((await sonde(there, ['plan', bundle])).stdout).toBe('0 to run, 3 cached\n');
    expect((await sonde(there, ['check', bundle])).status).toBe(0);
    expect((await sonde(there, ['show', bundle, 'scores.scores', '--rows', '2'])).stdout).toContain('score.TOXICITY');
    const run = await runPipeline(there, bundle);
    expect(run.ran).toEqual([]);
    expect(await readdir(path.join(there, 'results', 'small'))).toContain('provenance.json');
    expect(await readdir(path.join(there, 'store', 'tmp'))).toEqual([]);
  });

  it('says what it holds, and is sound', async () => {
    const { stdout } = await sonde(folder, ['bundle', 'list', bundle, '--json']);
    const { manifest } = JSON.parse(stdout);
    expect(manifest.files.map(({ path, role }: { path: string; role: string }) => [role, path])).toEqual([
      ['input', 'data/texts.jsonl'],
      ['pipeline', 'p.yaml'],
    ]);
    expect((await sonde(folder, ['bundle', 'verify', bundle])).stdout).toContain('all sound');
  });

  it('without texts has no prompt and no continuation, and says so', async () => {
    const target = path.join(folder, 'scores.sonde');
    await sonde(home, ['bundle', 'create', 'p.yaml', '-o', target, '--without-text']);
    expect(await readFile(target, 'latin1')).not.toContain('guest number');
    const { manifest } = JSON.parse((await sonde(folder, ['bundle', 'list', target, '--json'])).stdout);
    expect(manifest.results.map(({ task }: { task: string }) => task)).toEqual(['scores']);
    expect(manifest.left_out.map(({ task }: { task: string }) => task)).toEqual(['continuations', 'prompts']);
    expect(manifest.needed).toEqual([{ ref: './data/texts.jsonl', why: 'it may hold texts' }]);
    // Whoever has the texts, and makes the continuations again, has the scores.
    const there = await machine('scores');
    await sonde(there, ['bundle', 'open', target, 'experiment']);
    await mkdir(path.join(there, 'experiment', 'data'));
    await writeFile(
      path.join(there, 'experiment', 'data', 'texts.jsonl'),
      await readFile(path.join(home, 'data', 'texts.jsonl')),
    );
    const run = await runPipeline(there, 'experiment/p.yaml');
    expect(run.ran).toEqual(['prompts', 'continuations']);
  });

  it('does not take the place of a file that is none, as the pipeline itself', async () => {
    const pipeline = await readFile(path.join(home, 'p.yaml'), 'utf8');
    const created = await sonde(home, ['bundle', 'create', 'p.yaml', '-o', 'p.yaml']);
    expect(created).toMatchObject({ status: 2, stderr: expect.stringContaining('is no bundle') });
    expect(await readFile(path.join(home, 'p.yaml'), 'utf8')).toBe(pipeline);
    expect((await sonde(home, ['bundle', 'create', 'p.yaml', '-o', bundle])).status).toBe(0);
  });

  it('is not there where its maker was killed', async () => {
    await rename(bundle, `${bundle}.kept`);
    const running = startSonde(home, ['bundle', 'create', 'p.yaml', '-o', bundle]);
    running.child.kill('SIGKILL');
    await running.ended;
    expect((await readdir(folder)).filter((name) => name === 'small.sonde')).toEqual([]);
    await rename(`${bundle}.kept`, bundle);
  });
});
