// A run whose work is done by jobs of a real Slurm, with faults of every kind at random instants.
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openStore } from '@sonde/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasSlurm, type Slurm, startSlurm } from './slurm.ts';
import { type Running, type RunSummary, root, runPipeline, startSonde, type TaskEvent } from './sonde.ts';

const TASKS = 16;
/** More for a long try: SONDE_SLURM_ROUNDS=100. */
const ROUNDS = Number(process.env.SONDE_SLURM_ROUNDS ?? 3);
const SEED = Number(process.env.SONDE_SLURM_SEED ?? 1);

let slurm: Slurm;
const before = { PATH: process.env.PATH, SLURM_CONF: process.env.SLURM_CONF };

/** A folder with a pipeline whose every task says in `said` when it begins and ends. */
async function experiment(name: string, profile = 'probe: false\nworkers: { most: 3, idle: 3s }\n'): Promise<string> {
  const folder = path.join(slurm.folder, name);
  await mkdir(path.join(folder, 'node_modules'), { recursive: true });
  await symlink(root, path.join(folder, 'node_modules', 'sonde'), 'junction');
  await writeFile(path.join(folder, 'slurm.yaml'), profile);
  await writeFile(path.join(folder, 'said'), '');
  await writeFile(
    path.join(folder, 'kinds.mjs'),
    `import { appendFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { defineStep, schema } from 'sonde';
const say = (word, n) =>
  appendFileSync(${JSON.stringify(path.join(folder, 'said'))}, [word, n, Date.now(), process.env.SLURM_JOB_ID].join(' ') + '\\n');
export const slow = defineStep({
  kind: 'test/slow', revision: 1, summary: 'Takes its time.',
  config: schema.object({ n: schema.integer() }),
  outputs: { number: { type: 'json', description: 'n.' } },
  load: async () => ({
    run: async ({ config, output }) => {
      say('begin', config.n);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await writeFile(output('number'), JSON.stringify(config.n));
      say('end', config.n);
    },
  }),
});
export const sum = defineStep({
  kind: 'test/sum', revision: 1, summary: 'Adds.',
  config: schema.object({ numbers: schema.artifacts('json') }),
  outputs: { sum: { type: 'json', description: 'The sum.' } },
  load: async () => ({
    run: async ({ config, output }) => {
      const numbers = await Promise.all(config.numbers.map(async ({ path }) => JSON.parse(await readFile(path, 'utf8'))));
      await writeFile(output('sum'), JSON.stringify(numbers.reduce((a, b) => a + b, 0)));
    },
  }),
});
`,
  );
  await writeFile(
    path.join(folder, 'p.yaml'),
    `sonde: 1
name: p
modules: [./kinds.mjs]
steps:
  slow:
    uses: test/slow
    matrix: { n: [${Array.from({ length: TASKS }, (_, n) => n + 1).join(', ')}] }
    with: { n: "\${{ matrix.n }}" }
    retries: 5
  sum:
    uses: test/sum
    with: { numbers: "\${{ steps.slow.outputs.number }}" }
outputs:
  sum: \${{ steps.sum.outputs.sum }}
`,
  );
  return folder;
}

const RUN = ['p.yaml', '--allow-code', '--executor', 'slurm', '--here', 'none'];

function start(folder: string): Running {
  return startSonde(folder, ['run', ...RUN, '--json']);
}

async function finish(folder: string): Promise<RunSummary> {
  return runPipeline(folder, RUN[0]!, ...RUN.slice(1));
}

/** What has been computed: the result is right, no task was at work in two places at once, and none is missing. */
async function hold(folder: string): Promise<void> {
  expect(JSON.parse(await readFile(path.join(folder, 'results', 'p', 'sum.json'), 'utf8'))).toBe(
    (TASKS * (TASKS + 1)) / 2,
  );
  const said = (await readFile(path.join(folder, 'said'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  for (let n = 1; n <= TASKS; n++) {
    // One that was lost half way has begun and not ended; one that was lost before its result stood in the store has
    // ended, and begins once more. Where two are at work at once, an end does not follow its own begin.
    const words = said.filter(([, of]) => Number(of) === n).map(([word, , , job]) => `${word} ${job}`);
    expect(words.join(', '), `task ${n}`).toMatch(/^(begin (\d+), (end \2, )?)*begin (\d+), end \4$/);
  }
  const again = await finish(folder);
  expect(again.counts).toMatchObject({ ran: 0, failed: 0 });
}

/** The outputs of every key. */
async function resultsOf(dir: string): Promise<Record<string, unknown>> {
  const store = await openStore(dir, { readOnly: true });
  const found: Record<string, unknown> = {};
  for await (const { key, outputs } of store.results.all()) found[key] = outputs;
  await store.close();
  return found;
}

async function untilNoJob(): Promise<void> {
  await slurm.untilQueue(
    '%T',
    (states) => !states.some((state) => /PENDING|RUNNING|COMPLETING|CONFIGURING/.test(state)),
  );
  expect(slurm.jobProcesses()).toEqual([]);
}

async function runningJobs(): Promise<readonly string[]> {
  return (await slurm.ask('squeue', '-h', '-r', '-t', 'RUNNING', '-o', '%i')).split('\n').filter(Boolean);
}

describe.skipIf(!hasSlurm)('sonde run --executor slurm (skipped where Slurm is not installed)', () => {
  beforeAll(async () => {
    slurm = await startSlurm();
    Object.assign(process.env, slurm.env);
  });
  afterAll(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await slurm?.stop();
  });

  it('has the work done by jobs, which end by themselves', async () => {
    const folder = await experiment('plain');
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    const jobs = (await readFile(path.join(folder, 'said'), 'utf8')).match(/\d+$/gm);
    expect(new Set(jobs).size).toBeGreaterThan(0);
    await untilNoJob();
    await hold(folder);
    // One array for what is ready at first; one more for the sum if no worker is left by then.
    expect((await slurm.calls('sbatch')).length).toBeLessThanOrEqual(2);
  });

  it('looks first whether nodes see the store', async () => {
    const folder = await experiment('probed', 'workers: { most: 2, idle: 3s }\n');
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stderr).toContain('A small job looks first whether compute nodes see the store.');
    await hold(folder);
    await untilNoJob();
  });

  /** Reads models: the tasks of two kinds, on both of two models; says where each lies. */
  async function models(name: string, scratch: string): Promise<string> {
    const folder = await experiment(name, `probe: false\nworkers: { most: 2, idle: 3s }\n${scratch}\n`);
    await writeFile(
      path.join(folder, 'kinds.mjs'),
      `import { appendFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { defineStep, schema } from 'sonde';
export const look = defineStep({
  kind: 'test/look', revision: 1, summary: 'Says where a model lies.',
  config: schema.object({ model: schema.artifact('model'), n: schema.integer() }),
  outputs: { number: { type: 'json', description: 'n.' } },
  load: async () => ({
    run: async ({ config, output }) => {
      appendFileSync(${JSON.stringify(path.join(folder, 'said'))}, config.model.path + '\\n');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await writeFile(output('number'), String(statSync(config.model.path + '/config.json').size + config.n));
    },
  }),
});
`,
    );
    await writeFile(
      path.join(folder, 'p.yaml'),
      `sonde: 1
name: p
modules: [./kinds.mjs]
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: 4, seed: 0 } }
  looks:
    uses: test/look
    matrix: { model: [embedded:parlour-base, embedded:parlour-rude], n: [1, 2, 3] }
    with: { model: "\${{ matrix.model }}", n: "\${{ matrix.n }}" }
  states:
    uses: activations/capture
    matrix: { model: [embedded:parlour-base, embedded:parlour-rude] }
    with: { model: "\${{ matrix.model }}", prompts: "\${{ steps.prompts.outputs.prompts }}" }
outputs:
  looks: \${{ steps.looks.outputs.number }}
  states: \${{ steps.states.outputs.states }}
`,
    );
    return folder;
  }

  const placesOf = async (folder: string) => (await readFile(path.join(folder, 'said'), 'utf8')).trim().split('\n');

  it("keeps copies of models on a node's own disk: each once, shared by its jobs, removed when they are no longer kept", async () => {
    const local = path.join(slurm.folder, 'local-$SLURMD_NODENAME');
    const folder = await models('scratch', `scratch: { folder: ${JSON.stringify(local)}, keep: 0s }`);
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    const said = ran.events.flatMap((event) => (event.event === 'task.log' ? [String(event.message)] : []));
    const copied = said.flatMap((line) => /^Copied (\S+) to (\S+):/.exec(line)?.slice(1, 3).join(' ') ?? []);
    expect(copied.length).toBeGreaterThanOrEqual(2);
    expect(new Set(copied).size, copied.join('\n')).toBe(copied.length);
    for (const place of await placesOf(folder)) expect(place).toMatch(/\/local-n\d\/copies\/[0-9a-f]{64}\/files$/);
    await untilNoJob();
    for (const node of new Set((await placesOf(folder)).map((place) => /local-n\d/.exec(place)![0])))
      expect(await readdir(path.join(slurm.folder, node, 'copies'))).toEqual([]);
    // The same keys and the same bytes as where every model is read where it lies.
    const results = await resultsOf(path.join(folder, 'store'));
    const elsewhere = path.join(folder, 'elsewhere');
    const here = await runPipeline(folder, 'p.yaml', '--allow-code', '--store', elsewhere);
    expect(here.status, here.stderr).toBe(0);
    expect(await resultsOf(elsewhere)).toEqual(results);
  });

  it.each([
    [
      'cannot be written',
      'scratch: { folder: /etc/hostname/none }',
      /No copy on this machine's own disk.*\/etc\/hostname/,
    ],
    ['is too small', 'scratch: { folder: $HERE/local, size: 1kB }', /there is no room in .* for embedded:parlour-/],
    ['names a variable that is none', 'scratch: { folder: /local/$NO_SUCH_NAME }', /\$NO_SUCH_NAME .*is not set/],
  ])('reads models where they lie, and says why, when the scratch %s', async (name, scratch, why) => {
    const folder = await models(name.replaceAll(' ', '-'), scratch.replace('$HERE', slurm.folder));
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    const said = ran.events.flatMap((event) => (event.event === 'task.log' ? [String(event.message)] : []));
    expect(said.join('\n')).toMatch(why);
    for (const place of await placesOf(folder)) expect(place).not.toContain('/copies/');
    await untilNoJob();
  });

  it.each([
    ['a typo in the profile', 'partion: main\n', '"code": "SND104"', 'did you mean `partition`?'],
    [
      'a partition that is none',
      'partition: nope\nprobe: false\n',
      'Invalid partition name specified',
      '--partition=nope',
    ],
  ])('says what is wrong: %s', async (name, profile, ...words) => {
    const folder = await experiment(name.replaceAll(' ', '-'), profile);
    const ran = await finish(folder);
    expect(ran.status).toBeGreaterThan(0);
    for (const word of words) expect(ran.stdout + ran.stderr).toContain(word);
    await untilNoJob();
  });

  it('asks for more memory where a job used more than it had asked for, if its step says so', async () => {
    const folder = await experiment('memory');
    await writeFile(
      path.join(folder, 'kinds.mjs'),
      `import { writeFile } from 'node:fs/promises';
import { defineStep, schema } from 'sonde';
export const large = defineStep({
  kind: 'test/large', revision: 1, summary: 'Holds 600 MiB until its job is ended, or for a while.',
  config: schema.object({}),
  outputs: { number: { type: 'json', description: 'How much it held.' } },
  load: async () => ({
    run: async ({ output }) => {
      const held = Array.from({ length: 60 }, (_, n) => Buffer.alloc(10 * 2 ** 20, n + 1));
      await new Promise((resolve) => setTimeout(resolve, 8000));
      await writeFile(output('number'), String(held.length));
    },
  }),
});
`,
    );
    await writeFile(
      path.join(folder, 'p.yaml'),
      `sonde: 1
name: p
modules: [./kinds.mjs]
steps:
  large: { uses: test/large, with: {}, resources: { memory: 500MiB }, on_failure: { memory: x4 } }
outputs:
  number: \${{ steps.large.outputs.number }}
`,
    );
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    const retried = ran.events.filter(({ event }) => event === 'task.retrying').map(({ failure }) => failure);
    expect(retried).toMatchObject([
      { code: 'out-of-memory', message: expect.stringContaining('used more memory than its job had asked for') },
    ]);
    await untilNoJob();
  });

  it('gives a step as many GPUs as it asks for', async () => {
    const folder = await experiment('cards', 'probe: false\nworkers: { most: 3, idle: 3s }\ngpu: { cpus: 1 }\n');
    await writeFile(
      path.join(folder, 'p.yaml'),
      `sonde: 1
name: p
params:
  cards: { small: 1, large: 2 }
steps:
  look:
    uses: command
    matrix: { model: [small, large] }
    with:
      argv: [bash, -c, "echo \${{ matrix.model }} $CUDA_VISIBLE_DEVICES > seen.txt"]
      outputs: { seen: { type: file, file: seen.txt } }
    resources: { device: gpu, gpus: "\${{ params.cards[matrix.model] }}" }
outputs:
  seen: \${{ steps.look.outputs.seen }}
`,
    );
    const ran = await runPipeline(folder, 'p.yaml', '--allow-code', '--executor', 'slurm', '--device', 'cuda');
    expect(ran.status, ran.stderr).toBe(0);
    const seen = async (model: string) =>
      (await readFile(path.join(folder, 'results', 'p', 'seen', `model=${model}.txt`), 'utf8')).trim();
    expect(await seen('small')).toMatch(/^small \d$/);
    expect(await seen('large')).toMatch(/^large \d,\d$/);
    await untilNoJob();
  });

  it('cancels its jobs when it is interrupted, where it is told to', async () => {
    const folder = await experiment('cancelled');
    const run = startSonde(folder, ['run', ...RUN, '--json', '--on-interrupt', 'cancel']);
    await run.until(({ event }: TaskEvent) => event === 'task.started');
    run.child.kill('SIGINT');
    expect((await run.ended).status).toBe(130);
    await untilNoJob();
  });

  it('has others do what a job was at that is cancelled, steps that are not to be tried again, too', async () => {
    const folder = await experiment('others');
    await writeFile(
      path.join(folder, 'p.yaml'),
      `sonde: 1
name: p
steps:
  sleep:
    uses: command
    matrix: { n: [1, 2] }
    with:
      argv: [bash, -c, "sleep 12; echo \${{ matrix.n }} > n.txt"]
      outputs: { n: { type: file, file: n.txt } }
outputs:
  n: \${{ steps.sleep.outputs.n }}
`,
    );
    const run = start(folder);
    await run.until(({ event }: TaskEvent) => event === 'task.started');
    const [job] = await runningJobs();
    await slurm.ask('scancel', job!);
    const { status, stderr } = await run.ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(`the job ${job} on`);
    expect(stderr).toContain('it was cancelled');
    await untilNoJob();
  });

  it('is taken up again by the same command when it was killed: nothing is lost, nothing done twice', async () => {
    const folder = await experiment('killed');
    const run = start(folder);
    await run.until(({ event }: TaskEvent) => event === 'task.started');
    run.child.kill('SIGKILL');
    await run.ended;
    const ran = await finish(folder);
    expect(ran.status, ran.stderr).toBe(0);
    await hold(folder);
    await untilNoJob();
  });

  const random = generator(SEED);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const FAULTS: Readonly<Record<string, (run: { now: Running; folder: string }) => Promise<void>>> = {
    async kill(run) {
      run.now.child.kill('SIGKILL');
      await run.now.ended;
      run.now = start(run.folder);
    },
    async requeue() {
      const job = pick([...(await runningJobs()), '']);
      if (job === '') return;
      await slurm.ask('scontrol', 'requeue', job).catch(() => '');
      await slurm.ask('scontrol', 'update', `JobId=${job}`, 'StartTime=now').catch(() => '');
    },
    async cancel() {
      const job = pick([...(await runningJobs()), '']);
      if (job !== '') await slurm.ask('scancel', job).catch(() => '');
    },
    async slay() {
      const process_ = pick([...slurm.jobProcesses(), 0]);
      if (process_ > 0) tryKill(process_);
    },
    async node() {
      const name = pick(['n1', 'n2']);
      await slurm.killNode(name);
      await slurm.ask('scontrol', 'update', `NodeName=${name}`, 'State=DOWN', 'Reason=test');
      await slurm.startNode(name);
    },
    async outage() {
      await slurm.stopController();
      await wait(random() * 3000);
      await slurm.startController();
    },
  };

  it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    'stands faults at random instants: round %i',
    async (round) => {
      const folder = await experiment(`round-${round}`);
      const run = { now: start(folder), folder };
      const done: string[] = [];
      for (let at = 0; at < 3; at++) {
        const fault = pick(Object.keys(FAULTS));
        await Promise.race([wait(random() * 5000), run.now.ended]);
        done.push(fault);
        await FAULTS[fault]!(run);
      }
      const { status, stderr } = await run.now.ended;
      if (ROUNDS > 3) console.log(`round ${round}: ${done.join(', ')}`);
      expect(status, `${done.join(', ')}\n${stderr}`).toBe(0);
      await hold(folder);
      // Slurm starts what it has queued again after two minutes; here at once.
      const waiting = (await slurm.ask('squeue', '-h', '-r', '-t', 'PENDING', '-o', '%i')).split('\n').filter(Boolean);
      for (const job of waiting) await slurm.ask('scontrol', 'update', `JobId=${job}`, 'StartTime=now').catch(() => '');
      await untilNoJob();
    },
  );
});

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** mulberry32: the same instants for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
