import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  commitId,
  type FakeHub,
  type FakeRepo,
  filesOf,
  sha256,
  startFakeHub,
  unfinished,
  untilHeld,
} from './fake-hub.ts';
import { type Ended, root, sonde, startSonde, type TaskEvent, temporaryFolder } from './sonde.ts';

const TOKEN = 'hf_endtoendsecret';
const checkpoint = filesOf(resolveEmbedded('parlour-base').path);
const weights = checkpoint['model.safetensors']!;
const ready = path.join(root, '../shared/data/onnx/tiny-random-llama-fp16');
const [first, second] = [commitId(1), commitId(2)];

const pipeline = (model: string): string => `sonde: 1
name: hub
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: 6 } }
  continuations:
    uses: text/generate
    with:
      model: ${model}
      prompts: "\${{ steps.prompts.outputs.prompts }}"
      num_return_sequences: 2
      max_new_tokens: 4
      capture: {}
outputs: { continuations: "\${{ steps.continuations.outputs.continuations }}" }
`;

let hub: FakeHub;
let repo: FakeRepo;
let folder: string;
let remove: () => Promise<void>;
const MODEL = 'hf:test/parlour-base@main';

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  repo = {
    id: 'test/parlour-base',
    token: TOKEN,
    revisions: { main: first, 'step1-tokens1B': second, 'step10-tokens2B': second, other: second },
    commits: {
      [first]: { ...checkpoint, 'README.md': Buffer.from('# x'), 'pytorch_model.bin': Buffer.alloc(20_000) },
      [second]: checkpoint,
    },
  };
  const adapter = filesOf(resolveEmbedded('parlour-rude-detox').path);
  const nestedFiles = Object.fromEntries(Object.entries(checkpoint).map(([name, bytes]) => [`deep/er/${name}`, bytes]));
  hub = await startFakeHub([
    repo,
    {
      id: 'test/old',
      revisions: { main: first },
      commits: { [first]: { ...checkpoint, 'pytorch_model.bin': weights } },
    },
    { id: 'test/nested', revisions: { main: first }, commits: { [first]: nestedFiles } },
    {
      id: 'datasets/test/prompts',
      revisions: { main: first },
      commits: { [first]: { 'p.jsonl': await readFile(resolveEmbedded('parlour-prompts').path) } },
    },
    { id: 'test/adapter', revisions: { main: first }, commits: { [first]: adapter } },
    ...(existsSync(ready)
      ? [{ id: 'test/ready', revisions: { main: first }, commits: { [first]: filesOf(ready) } }]
      : []),
  ]);
  const { 'model.safetensors': _gone, ...rest } = hub.repos[1]!.commits[first]!;
  hub.repos[1]!.commits[first] = rest;
  await writeFile(path.join(folder, 'p.yaml'), pipeline(MODEL));
});
afterAll(async () => {
  await hub.close();
  await remove();
});
beforeEach(() => {
  hub.seen.length = 0;
  hub.faults.length = 0;
});

const environment = (more: NodeJS.ProcessEnv = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_HOME: path.join(folder, 'hf'),
  HF_TOKEN: TOKEN,
  ...more,
});
const call = (args: readonly string[], more?: NodeJS.ProcessEnv): Promise<Ended> =>
  sonde(folder, args, environment(more));
const eventsOf = ({ stdout }: Ended): TaskEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line.startsWith('{"'))
    .map((line) => JSON.parse(line) as TaskEvent);
const planOf = async (...args: string[]) =>
  JSON.parse((await call(['plan', 'p.yaml', '--json', ...args])).stdout) as {
    tasks: { task: string; state: string; reason: { code: string; ref?: string; message?: string } }[];
  };
const lock = () => readFile(path.join(folder, 'sonde.lock'), 'utf8');

describe('a pipeline whose model is on the hub', () => {
  it('is planned without a request, without writing, and says what is not known', async () => {
    const { tasks } = await planOf();
    expect(tasks.find(({ task }) => task === 'continuations')).toMatchObject({ state: 'unknown' });
    expect(hub.seen).toEqual([]);
    await expect(lock()).rejects.toThrow();
  });

  it('is refused frozen or offline before anything is known, at its place in the file', async () => {
    const frozen = await call(['run', 'p.yaml', '--frozen']);
    expect(frozen.status).toBe(2);
    expect(frozen.stderr).toMatch(/p\.yaml:8:14[\s\S]*has no commit in .*sonde\.lock/);
    const offline = await call(['run', 'p.yaml', '--offline']);
    expect(offline.status).toBe(2);
    expect(offline.stderr).toContain('the network is forbidden');
    expect((await call(['run', 'p.yaml'], { HF_HUB_OFFLINE: '1' })).status).toBe(2);
    expect(hub.seen).toEqual([]);
  });

  it('that is killed while it downloads goes on from there', async () => {
    hub.faults.push(({ url }, response) => {
      if (!url.includes(sha256(weights))) return false;
      response.writeHead(200, { 'content-length': weights.length });
      const send = (n: number) => response.write(weights.subarray(n * 20_000, (n + 1) * 20_000));
      for (const n of [0, 1, 2, 3, 4]) setTimeout(send, n * 300, n);
      return true;
    });
    const run = startSonde(folder, ['run', 'p.yaml', '--json'], environment());
    await run.until((event) => event.event === 'data.progress' && Number(event.done) >= 60_000);
    run.child.kill('SIGKILL');
    await run.ended;
    hub.faults.length = 0;
    hub.seen.length = 0;

    const again = await call(['run', 'p.yaml', '--json']);
    expect(again.stderr).toBe('');
    expect(again.status).toBe(0);
    const events = eventsOf(again);
    expect(events[0]).toMatchObject({ event: 'data.resolved', ref: MODEL, commit: first, from: 'lock' });
    expect(events.find(({ event }) => event === 'data.fetched')).toMatchObject({ ref: MODEL });
    expect(events.at(-1)).toMatchObject({
      event: 'run.finished',
      status: 'succeeded',
      counts: { failed: 0, skipped: 0 },
    });
    const rest = hub.seen.filter(({ url }) => url.includes(sha256(weights)));
    expect(rest.map(({ range }) => range)).toEqual([expect.stringMatching(/^bytes=([4-9]|10)0000-$/)]);
    expect(rest.map((one) => one.authorization)).toEqual([undefined]);
    expect(hub.seen.map(({ url }) => url).join()).not.toMatch(/README|pytorch_model/);
    expect(JSON.parse(await lock())).toEqual({ sonde: 1, hub: { [MODEL]: first } });
  });

  it('runs a second time without any request, and so do plan, --offline and --frozen', async () => {
    for (const args of [['--json'], ['--json', '--offline'], ['--json', '--frozen']]) {
      const again = await call(['run', 'p.yaml', ...args]);
      expect(eventsOf(again).at(-1)).toMatchObject({ event: 'run.finished', counts: { ran: 0, cached: 2 } });
    }
    expect((await planOf()).tasks.map(({ state }) => state)).toEqual(['cached', 'cached']);
    expect(hub.seen).toEqual([]);
  });

  it('gives the results of the same files in a folder', async () => {
    await cp(resolveEmbedded('parlour-base').path, path.join(folder, 'checkpoint'), { recursive: true });
    await writeFile(path.join(folder, 'p.yaml'), pipeline('./checkpoint'));
    expect((await planOf()).tasks.map(({ state }) => state)).toEqual(['cached', 'cached']);
    await writeFile(path.join(folder, 'p.yaml'), pipeline(MODEL));
  });

  it('keeps to its lock when the branch moves, until the lock is deleted', async () => {
    repo.revisions.main = second;
    expect(eventsOf(await call(['run', 'p.yaml', '--json'])).at(-1)).toMatchObject({ counts: { ran: 0 } });
    await rm(path.join(folder, 'sonde.lock'));
    expect((await planOf()).tasks[1]).toMatchObject({ state: 'unknown', reason: { code: 'data', ref: MODEL } });
    const moved = await call(['run', 'p.yaml', '--json']);
    expect(eventsOf(moved)[0]).toMatchObject({ event: 'data.resolved', commit: second, from: 'hub' });
    // The same bytes under another commit: nothing to compute, nothing to download.
    expect(eventsOf(moved).at(-1)).toMatchObject({ counts: { ran: 0, cached: 2 } });
    expect(hub.seen.filter(({ host }) => host === 'storage')).toEqual([]);
    expect(JSON.parse(await lock())).toEqual({ sonde: 1, hub: { [MODEL]: second } });
  });

  it('needs no weights for a result that it has', async () => {
    await rm(path.join(folder, 'hf'), { recursive: true });
    const again = await call(['run', 'p.yaml', '--json']);
    expect(eventsOf(again).at(-1)).toMatchObject({ counts: { ran: 0, cached: 2 } });
    expect(hub.seen.length).toBeGreaterThan(0);
    expect(hub.seen.filter(({ host }) => host === 'storage')).toEqual([]);
  });

  it('says in plain lines what it resolves and fetches', async () => {
    await rm(path.join(folder, 'hf'), { recursive: true });
    await rm(path.join(folder, 'sonde.lock'));
    const run = await call(['run', 'p.yaml', '--store', path.join(folder, 'fresh')]);
    expect(run.status).toBe(0);
    expect(run.stderr).toContain(`resolved  ${MODEL} is ${second} (written to sonde.lock)`);
    expect(run.stderr).toMatch(/fetched {3}hf:test\/parlour-base@main {2}\d/);
  });

  it('that is interrupted while it downloads stops cleanly and keeps what it has', async () => {
    const home = path.join(folder, 'hf3');
    hub.faults.push(({ url }, response) => {
      if (!url.includes(sha256(weights))) return false;
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 50_000));
      return true;
    });
    const args = ['run', 'p.yaml', '--json', '--store', path.join(folder, 'fresh4')];
    const run = startSonde(folder, args, environment({ HF_HOME: home }));
    const blobs = path.join(home, 'hub/models--test--parlour-base/blobs');
    await untilHeld(blobs, sha256(weights), 50_000);
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.status).toBe(130);
    expect(eventsOf(ended).at(-1)).toMatchObject({ status: 'interrupted', counts: { failed: 0 } });
    expect(await unfinished(blobs, sha256(weights))).toHaveLength(1);
  });

  it('that is interrupted while it asks for a commit stops cleanly', async () => {
    await rm(path.join(folder, 'sonde.lock'));
    hub.faults.push(({ url }) => url.includes('/revision/'));
    const run = startSonde(folder, ['run', 'p.yaml', '--json'], environment({ HF_HOME: path.join(folder, 'hf5') }));
    while (hub.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    run.child.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.stderr).toMatch(/^(results\/hub holds results of an earlier run .*\n)?$/);
    expect(ended.status).toBe(130);
    await expect(lock()).rejects.toThrow();
  });

  it('reads a table from a data set, and what Python has put into the cache when the network is forbidden', async () => {
    const home = path.join(folder, 'python');
    const place = path.join(home, 'hub/models--test--python');
    await cp(resolveEmbedded('parlour-base').path, path.join(place, 'snapshots', first), { recursive: true });
    await mkdir(path.join(place, 'refs'), { recursive: true });
    await writeFile(path.join(place, 'refs/main'), first);
    const text = pipeline('hf:test/python').replace('embedded:parlour-prompts', 'hf:datasets/test/prompts/p.jsonl');
    await writeFile(path.join(folder, 'python.yaml'), text);
    const env = { HF_HOME: home, HF_TOKEN: '' };
    const prompts = await call(['run', 'python.yaml', 'prompts', '--json'], env);
    expect(eventsOf(prompts).at(-1)).toMatchObject({ status: 'succeeded' });
    const offline = await call(['run', 'python.yaml', '--json', '--offline'], env);
    expect(eventsOf(offline).filter(({ event }) => event === 'data.resolved')).toContainEqual(
      expect.objectContaining({ ref: 'hf:test/python@main', commit: first, from: 'cache' }),
    );
    expect(eventsOf(offline).at(-1)).toMatchObject({ status: 'succeeded' });
    await rm(path.join(place, 'snapshots', first, 'tokenizer.json'));
    const broken = await call(['run', 'python.yaml', '--offline'], env);
    expect(broken.status).toBe(2);
    expect(broken.stderr).toContain('has no tokenizer.json');
  });

  it('is downloaded once by two processes', async () => {
    const env = { HF_HOME: path.join(folder, 'hf4') };
    hub.faults.push(({ url, range }, response) => {
      if (!url.includes(sha256(weights)) || range !== undefined) return false;
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 50_000));
      setTimeout(() => response.end(weights.subarray(50_000)), 4000);
      return true;
    });
    const check = ['models', 'check', MODEL, '--json'];
    const one = call(check, env);
    while (!hub.seen.some(({ url }) => url.includes(sha256(weights)))) await new Promise((r) => setTimeout(r, 20));
    const both = await Promise.all([one, call(check, env)]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(hub.seen.filter(({ url }) => url.includes(sha256(weights)) && url.includes('signature'))).toHaveLength(1);
  });

  it('says which task cannot be computed when weights are missing offline, and that they are damaged', async () => {
    const blob = path.join(folder, 'hf/hub/models--test--parlour-base/blobs', sha256(weights));
    const wrong = Buffer.from(weights);
    wrong[wrong.length - 1]! ^= 1;
    await writeFile(blob, wrong);
    const damaged = await call(['run', 'p.yaml', '--json', '--store', path.join(folder, 'fresh2')]);
    expect(damaged.status).toBe(1);
    const failed = eventsOf(damaged).find(({ event }) => event === 'task.failed');
    expect(JSON.stringify(failed)).toMatch(/"code":"data".*is damaged/);
    await rm(blob);
    hub.seen.length = 0;
    const offline = await call(['run', 'p.yaml', '--json', '--offline', '--store', path.join(folder, 'fresh3')]);
    expect(offline.status).toBe(1);
    expect(offline.stdout).toMatch(/model\.safetensors is missing, and the network is forbidden/);
    expect(hub.seen).toEqual([]);
  });

  it('names what is wrong with a reference, with status 2', async () => {
    const wrong = async (model: string, env?: NodeJS.ProcessEnv) => {
      await writeFile(path.join(folder, 'wrong.yaml'), pipeline(model));
      const { status, stderr } = await call(['run', 'wrong.yaml'], env);
      return `${status} ${stderr}`;
    };
    expect(await wrong('hf:test/none@main')).toMatch(/^2 .*has no repository hf:test\/none/s);
    expect(await wrong('hf:test/parlour-base@v7')).toMatch(/^2 .*has no revision v7/s);
    expect(await wrong('hf:test/parlour-base@main', { HF_TOKEN: '', HF_HOME: path.join(folder, 'hf2') })).toMatch(
      /^2 .*set HF_TOKEN/s,
    );
    expect(await wrong('hf:test/old@main')).toMatch(
      /^2 .*neither safetensors weights nor a graph model\.onnx\. There are: .*pytorch_model\.bin/s,
    );
    expect(await wrong('hf:test/parlour-base@main/config.json')).toMatch(/^2 .*is a file/s);
    await writeFile(path.join(folder, 'sonde.lock'), '{"sonde":1,"hub":{"x":"y"}}');
    expect(await wrong(MODEL)).toMatch(/^2 .*names no commit for x/s);
    await writeFile(
      path.join(folder, 'sonde.lock'),
      `{"sonde":1,"hub":{"x":"${'0'.repeat(40)}","x":"${'1'.repeat(40)}"}}`,
    );
    expect(await wrong(MODEL)).toMatch(/^2 .*holds "x" twice/s);
    await rm(path.join(folder, 'sonde.lock'));
  });

  it('never shows or stores the token', async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) expect((await readFile(file)).includes(TOKEN), file).toBe(false);
  });
});

describe('sonde models', () => {
  it('checks a folder, an embedded model and one of the hub alike', async () => {
    const where = [path.join(root, 'libs/embedded/assets/models/parlour-base'), 'embedded:parlour-base', MODEL];
    const reports = [];
    for (const ref of where) {
      const { status, stdout, stderr } = await call(['models', 'check', ref, '--json']);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      reports.push(JSON.parse(stdout) as Record<string, unknown>);
    }
    expect(reports[2]).toMatchObject({
      sonde: 1,
      ok: true,
      ref: MODEL,
      identity: `hf:test/parlour-base@${second}`,
      architecture: 'LlamaForCausalLM',
      layers: (JSON.parse(checkpoint['config.json']!.toString()) as { num_hidden_layers: number }).num_hidden_layers,
      selfCheck: { newTokens: 5 },
    });
    for (const field of ['parameters', 'dtypes', 'bytes', 'context', 'tokenizer', 'files']) {
      expect(reports[1]![field]).toEqual(reports[0]![field]);
      expect(reports[2]![field]).toEqual(reports[0]![field]);
    }
  });

  it('checks with an adapter, prints for people, and ends with 2 where it cannot', async () => {
    const shown = await call(['models', 'check', 'embedded:parlour-rude', '--adapter', 'hf:test/adapter']);
    expect(shown.stdout).toMatch(/architecture\s+LlamaForCausalLM \(supported\)[\s\S]*self-check\s+passed/);
    const old = await call(['models', 'check', 'hf:test/old', '--json']);
    expect(old.status).toBe(2);
    expect(JSON.parse(old.stdout)).toMatchObject({
      ok: false,
      problem: { message: expect.stringContaining('safetensors') },
    });
    const nested = await call(['models', 'check', 'hf:test/nested/deep/er', '--json']);
    expect(JSON.parse(nested.stdout)).toMatchObject({ identity: `hf:test/nested@${first}/deep/er`, ok: true });
    expect((await call(['models', 'check', 'hf:test/nested/deep', '--json'])).stdout).toContain('has no config.json');
    expect((await call(['models', 'check', 'hf:test/nested/none', '--json'])).stdout).toContain('no file or folder');
    expect((await call(['models', 'check', './nowhere'])).stderr).toContain(
      './nowhere`: there is no such file or folder',
    );
    expect((await call(['models', 'check', 'hf:x'])).status).toBe(2);
  });

  it.skipIf(!existsSync(ready))(
    'fetches a ready graph with the data that it names (needs ../shared/data)',
    async () => {
      const { stdout, status } = await call(['models', 'check', 'hf:test/ready', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ identity: `hf:test/ready@${first}`, ok: true });
      expect(status).toBe(0);
      const fetched = hub.seen.map(({ url }) => url.split('/').at(-1));
      expect(fetched).toContain('model.onnx.data');
    },
  );

  it('lists revisions by pattern', async () => {
    const { stdout } = await call(['models', 'revisions', 'hf:test/parlour-base', '--pattern', 'step*-tokens*']);
    expect(stdout).toBe('step1-tokens1B\nstep10-tokens2B\n');
    const offline = await call(['models', 'revisions', 'hf:test/parlour-base'], { HF_HUB_OFFLINE: '1' });
    expect(offline.status).toBe(2);
  });
});
