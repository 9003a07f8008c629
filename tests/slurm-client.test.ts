import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Cluster, openCluster, readProfileText, type Shape, type Worker } from '@sonde/slurm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasAccounting, hasSlurm, PATIENCE, type Slurm, type SlurmSettings, startSlurm } from './slurm.ts';

const CPU: Shape = { gpus: 0, memoryBytes: 200 * 2 ** 20 };
const GPU: Shape = { gpus: 1, memoryBytes: 200 * 2 ** 20 };

let slurm: Slurm;
const before = { PATH: process.env.PATH, SLURM_CONF: process.env.SLURM_CONF };

async function bringUp(settings: SlurmSettings): Promise<void> {
  slurm = await startSlurm(settings);
  Object.assign(process.env, slurm.env);
}

async function takeDown(): Promise<void> {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await slurm?.stop();
}

interface Site {
  readonly cluster: Cluster;
  readonly folder: string;
  /** What every worker has written when it began: its id and its GPUs. */
  begun(): Promise<readonly string[]>;
  /** Lets the workers end. */
  release(): Promise<void>;
  /** Another process that comes with the same scope. */
  again(): Cluster;
}

let sites = 0;

/** Workers that write down that they have begun, wait until they are released, and end with `exit`. */
async function site(profile: string, { exit = 0, scope = '', waits = true, look = 300 } = {}): Promise<Site> {
  const name = scope || `scope ${sites++}`;
  const folder = path.join(slurm.folder, 'shared', name.replaceAll(' ', '-'));
  await mkdir(path.join(folder, 'begun'), { recursive: true });
  const worker = path.join(folder, 'worker.sh');
  await writeFile(
    worker,
    `#!/bin/bash
echo "$CUDA_VISIBLE_DEVICES" > "${folder}/begun/\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}.$SLURM_RESTART_COUNT"
trap 'exit 0' TERM
${waits ? `until [ -e "${folder}/release" ]; do sleep 0.2; done` : ''}
echo "the last word of a worker"
exit ${exit}
`,
    { mode: 0o755 },
  );
  const read = readProfileText(profile, 'slurm.yaml');
  if (!read.ok) throw new Error(read.diagnostics.map(({ message }) => message).join('\n'));
  const again = (): Cluster =>
    openCluster({
      profile: read.profile,
      scope: name,
      folder: path.join(folder, 'jobs'),
      cwd: folder,
      command: () => [worker],
      pace: { submit: 1000, look },
    });
  return {
    cluster: again(),
    folder,
    begun: () => readdir(path.join(folder, 'begun')),
    release: () => writeFile(path.join(folder, 'release'), ''),
    again,
  };
}

async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const last = Date.now() + PATIENCE;
  for (;;) {
    const value = await ask();
    if (holds(value)) return value;
    if (Date.now() > last) throw new Error(`it did not come about; in the end there was ${JSON.stringify(value)}`);
    await wait(50);
  }
}

function untilAll(cluster: Cluster, state: Worker['state'], many?: number): Promise<readonly Worker[]> {
  return until(
    () => cluster.workers(),
    (workers) => workers.length >= (many ?? 1) && workers.every((worker) => worker.state === state),
  );
}

async function cancelAll(): Promise<void> {
  await slurm.ask('scancel', '--me');
  await slurm.untilQueue('%T', (states) => !states.some((state) => /RUNNING|PENDING|COMPLETING/.test(state)));
}

describe.skipIf(!hasSlurm)('workers on a real Slurm (skipped where Slurm is not installed)', () => {
  beforeAll(() => bringUp({ array: 3 }));
  afterAll(takeDown);
  afterEach(cancelAll);

  it('are as many as wanted, in arrays as large as Slurm allows; whoever comes back starts none', async () => {
    const { cluster, begun, release, again } = await site('workers: { most: 20 }');
    const wanted = [{ shape: CPU, workers: 4 }];
    expect(await cluster.ensure(wanted)).toMatchObject([
      { there: 3, submitted: 3, later: '3 of them in one array; the others follow' },
    ]);
    expect(await cluster.ensure(wanted)).toMatchObject([{ there: 4, submitted: 1, later: undefined }]);
    expect(await cluster.ensure(wanted)).toMatchObject([{ there: 4, submitted: 0 }]);
    const other = again();
    expect(await other.ensure(wanted)).toMatchObject([{ there: 4, submitted: 0 }]);
    await untilAll(cluster, 'running', 4);
    await until(begun, (files) => files.length === 4);
    await release();
    const ended = await untilAll(other, 'ended');
    expect(ended).toHaveLength(4);
    for (const worker of ended) expect(worker).toMatchObject({ end: 'completed', exitCode: 0, restarts: 0 });
    expect(await begun()).toHaveLength(4);
  });

  it('have the GPUs that they ask for, each its own', async () => {
    const { cluster, folder, begun } = await site('gpu: { cpus: 1 }');
    await cluster.ensure([{ shape: GPU, workers: 2 }]);
    await cluster.ensure([{ shape: { ...GPU, gpus: 2 }, workers: 1 }]);
    await untilAll(cluster, 'running', 3);
    const seen = await until(begun, (files) => files.length === 3);
    const devices = await Promise.all(seen.map((file) => readFile(path.join(folder, 'begun', file), 'utf8')));
    expect(devices.map((text) => text.trim().split(',').length).sort()).toEqual([1, 1, 2]);
  });

  it('end when they are cancelled, all of a scope or some, and nobody else does', async () => {
    const { cluster } = await site('{}');
    const other = await site('{}');
    await cluster.ensure([{ shape: CPU, workers: 2 }]);
    await other.cluster.ensure([{ shape: CPU, workers: 1 }]);
    const [first, second] = await untilAll(cluster, 'running', 2);
    await cluster.cancel([first!.id]);
    const one = await until(
      () => cluster.workers(),
      (workers) => workers.some(({ state }) => state === 'ended'),
    );
    expect(one).toContainEqual(expect.objectContaining({ id: first!.id, end: 'cancelled' }));
    expect(one).toContainEqual(expect.objectContaining({ id: second!.id, state: 'running' }));
    await cluster.cancel();
    await untilAll(cluster, 'ended');
    await untilAll(other.cluster, 'running');
  });

  it('that fail say so: exit status, node, in words', async () => {
    const { cluster, release } = await site('{}', { exit: 3 });
    await cluster.ensure([{ shape: CPU, workers: 1 }]);
    await untilAll(cluster, 'running');
    await release();
    const [worker] = await untilAll(cluster, 'ended');
    expect(worker).toMatchObject({ end: 'failed', exitCode: 3 });
    expect(worker).toHaveProperty(
      'words',
      expect.stringMatching(/^the job \d+_0 on n[12]: its program failed \(exit status 3\)$/),
    );
  });

  it('are not sent for ever where all of them fail, and the log is shown', async () => {
    const { cluster } = await site('{}', { exit: 9, waits: false });
    const ensure = () =>
      until(
        () => cluster.ensure([{ shape: CPU, workers: 3 }]),
        () => false,
      );
    await expect(ensure()).rejects.toMatchObject({
      code: 'cluster',
      message: expect.stringMatching(
        /^(10 workers in a row failed|workers failed thrice in a row on .*); the last: .*exit status 9/,
      ),
      hint: expect.stringContaining('the last word of a worker'),
    });
    expect((await cluster.workers()).length).toBeLessThan(20);
  });

  it('keep their id when Slurm starts them again', async () => {
    const { cluster, begun } = await site('{}');
    await cluster.ensure([{ shape: CPU, workers: 1 }]);
    const [worker] = await untilAll(cluster, 'running');
    await until(begun, (files) => files.length === 1);
    await slurm.ask('scontrol', 'requeue', worker!.id);
    const states = new Set<string>();
    const seen = async () => {
      const [now, ...others] = await cluster.workers();
      expect(others).toEqual([]);
      states.add(now!.state);
      return now!;
    };
    await until(seen, ({ state }) => state === 'queued');
    // Slurm waits two minutes. A node does not start what it has ended in the same second: to it that is still the job
    // which was to end.
    await wait(2000);
    await until(
      async () => {
        await slurm.ask('scontrol', 'update', `JobId=${worker!.id}`, 'StartTime=now').catch(() => '');
        return seen();
      },
      ({ restarts, state }) => (restarts === 1 && state === 'running') || state === 'ended',
    );
    expect(states).not.toContain('ended');
    expect(await cluster.ensure([{ shape: CPU, workers: 1 }])).toMatchObject([{ there: 1, submitted: 0 }]);
    await until(begun, (files) => files.length === 2);
  });

  it('end with their node, and are started again elsewhere where the profile lets Slurm do so', async () => {
    const fixed = await site('requeue: false');
    const moving = await site('{}');
    for (const { cluster } of [fixed, moving]) {
      await cluster.ensure([{ shape: { ...CPU, memoryBytes: 1000 * 2 ** 20 }, workers: 1 }]);
      await untilAll(cluster, 'running');
    }
    const nodes = new Set<string>();
    for (const { cluster } of [fixed, moving])
      for (const worker of await cluster.workers()) if (worker.state === 'running') nodes.add(worker.node);
    for (const node of nodes) await slurm.ask('scontrol', 'update', `NodeName=${node}`, 'State=DOWN', 'Reason=test');
    const [lost] = await untilAll(fixed.cluster, 'ended');
    expect(lost).toMatchObject({ end: 'node-fail', words: expect.stringContaining('its node failed') });
    const again = await until(
      () => moving.cluster.workers(),
      ([worker]) => worker!.restarts === 1,
    );
    expect(again).toMatchObject([{ state: 'queued' }]);
    // A node whose daemon answers comes back by itself.
    for (const node of nodes) await slurm.ask('scontrol', 'update', `NodeName=${node}`, 'State=RESUME').catch(() => '');
  });

  it('are unknown while the controller is away, and nothing is sent; then they are as they were', async () => {
    const { cluster, begun, release } = await site('{}');
    const wanted = [{ shape: CPU, workers: 2 }];
    await cluster.ensure(wanted);
    const running = await untilAll(cluster, 'running', 2);
    await slurm.stopController();
    const away = await untilAll(cluster, 'unknown', 2);
    expect(away).toMatchObject([{ because: 'no-answer' }, { because: 'no-answer' }]);
    const more = [{ shape: CPU, workers: 3 }];
    expect(await cluster.ensure(more)).toMatchObject([
      { there: 2, submitted: 0, later: expect.stringMatching(/^no answer from Slurm: /) },
    ]);
    await expect(cluster.cancel()).rejects.toMatchObject({ code: 'cluster' });
    await slurm.startController();
    const back = await untilAll(cluster, 'running', 2);
    expect(back.map(({ id }) => id)).toEqual(running.map(({ id }) => id));
    expect(await cluster.ensure(wanted)).toMatchObject([{ there: 2, submitted: 0 }]);
    await until(begun, (files) => files.length === 2);
    await release();
    for (const worker of await untilAll(cluster, 'ended')) expect(worker).toMatchObject({ end: 'completed' });
  });

  it('are not believed dead where the daemon of their node is', async () => {
    const { cluster } = await site('exclude: [n2]');
    await cluster.ensure([{ shape: CPU, workers: 1 }]);
    await untilAll(cluster, 'running');
    await slurm.killNode('n1');
    // Slurm itself finds it out when the node has not answered for ten seconds.
    const found = await until(
      () => cluster.workers(),
      ([worker]) => worker!.state !== 'running',
    );
    expect(found[0]!.state).not.toBe('ended');
    await slurm.startNode('n1');
  });

  it('avoid a node on which three failed one after the other; where there is no other, that is said', async () => {
    const { cluster, release } = await site('exclude: [n2]', { exit: 1 });
    const wanted = (workers: number) => [{ shape: CPU, workers }];
    await cluster.ensure(wanted(3));
    await release();
    await untilAll(cluster, 'ended', 3);
    await expect(cluster.ensure(wanted(1))).rejects.toMatchObject({
      message: expect.stringMatching(/^workers failed thrice in a row on n1, and there is no other node; the last: /),
    });
    const other = await site('{}', { exit: 1, waits: false });
    await until(
      () =>
        other.cluster.ensure(wanted(3)).then(
          () => 'more',
          () => 'hopeless',
        ),
      (came) => came === 'hopeless',
    );
    // Before the second failed as often, all were sent to it.
    const nodes = (await other.cluster.workers()).flatMap((worker) => (worker.state === 'ended' ? [worker.node] : []));
    expect(new Set(nodes)).toEqual(new Set(['n1', 'n2']));
  });

  it.each([
    ['partition: nope', 'Invalid partition name specified'],
    ['constraint: nope', 'Invalid feature specification'],
    ['gpu: { request: "--gres=tpu:{n}" }', 'Invalid generic resource (gres) specification'],
    ['memory: 900GiB', 'Memory specification can not be satisfied'],
    ['sbatch: [--no-such-option]', 'no-such-option'],
  ])('are refused in the words of Slurm: %s', async (profile, words) => {
    const { cluster } = await site(profile);
    await expect(cluster.ensure([{ shape: { gpus: 1 }, workers: 1 }])).rejects.toMatchObject({
      name: 'UserError',
      code: 'cluster',
      message: expect.stringContaining(words),
    });
  });

  it('need an sbatch', async () => {
    const { cluster } = await site('{}');
    const { PATH } = process.env;
    process.env.PATH = '/nowhere';
    try {
      await expect(cluster.ensure([{ shape: CPU, workers: 1 }])).rejects.toMatchObject({
        code: 'cluster',
        message: 'there is no `squeue` on the PATH',
      });
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('are sent where a small job has seen the folder and the program; its answer holds', async () => {
    const { cluster, again } = await site('{}');
    await cluster.probe([CPU, GPU]);
    const calls = (await slurm.calls('sbatch')).length;
    await again().probe([CPU, GPU]);
    expect(await slurm.calls('sbatch')).toHaveLength(calls);
    expect(await cluster.workers()).toEqual([]);
  });

  it('say what their small job waits for: its turn, or Slurm itself', async () => {
    const { cluster } = await site('{}');
    const partition = (state: string) => slurm.ask('scontrol', 'update', 'PartitionName=main', `State=${state}`);
    await partition('DOWN');
    const told: string[] = [];
    const looked = cluster.probe([CPU], { onWait: (words) => told.push(words) });
    const said = (words: RegExp) =>
      until(
        async () => told,
        (all) => all.some((one) => words.test(one)),
      );
    await said(/^it waits in the queue \(PartitionDown\)$/);
    await slurm.stopController();
    await said(/^no answer from Slurm: /);
    await slurm.startController();
    await partition('UP');
    await looked;
  });

  it('are not sent to nodes that do not see the store', async () => {
    const { cluster, folder } = await site('{}');
    // What a node does not see is not there for it; here it goes between the sending and the looking.
    await slurm.ask('scontrol', 'update', 'PartitionName=main', 'State=DOWN');
    const looked = cluster.probe([CPU]);
    looked.catch(() => undefined);
    await slurm.untilQueue('%j', (names) => names.some((name) => name.includes('-probe-')));
    await rm(path.join(folder, 'jobs'), { recursive: true });
    await slurm.ask('scontrol', 'update', 'PartitionName=main', 'State=UP');
    await expect(looked).rejects.toMatchObject({
      code: 'cluster',
      message: expect.stringMatching(/^the compute node n[12] does not see the store: /),
    });
  });
});

describe.skipIf(!hasSlurm)('many workers (skipped where Slurm is not installed)', () => {
  beforeAll(() => bringUp({ array: 40, jobs: 30, remembers: 5 }));
  afterAll(takeDown);

  it('200 are brought about within the limits, with one sbatch a second and one squeue a look', async () => {
    const { cluster, begun } = await site('workers: { most: 200 }', { waits: false, look: 2000 });
    const [submits, looks] = [(await slurm.calls('sbatch')).length, (await slurm.calls('squeue')).length];
    const later = new Set<string>();
    let submitted = 0;
    while (submitted < 200) {
      const [came] = await cluster.ensure([{ shape: { gpus: 0, memoryBytes: 2 ** 20 }, workers: 200 - submitted }]);
      submitted += came!.submitted;
      if (came!.later !== undefined) later.add(came!.later);
    }
    await until(begun, (files) => files.length >= 200);
    expect(new Set((await begun()).map((file) => file.split('.')[0]))).toHaveLength(200);
    expect([...later].join('\n')).toContain('temporarily unable to accept');
    const apart = (moments: readonly number[]): number =>
      Math.min(...moments.slice(1).map((moment, at) => moment - moments[at]!));
    // However late each of them comes to it on a busy machine.
    expect(apart((await slurm.calls('sbatch')).slice(submits))).toBeGreaterThan(990);
    expect(apart((await slurm.calls('squeue')).slice(looks))).toBeGreaterThan(1990);
  });

  it('one that Slurm has forgotten is unknown, neither success nor failure, and another takes its place', async () => {
    const { cluster, release } = await site('{}', { look: 300 });
    // The controller has no room until it has forgotten the jobs of before: what it takes later is asked for again.
    await until(
      () => cluster.ensure([{ shape: CPU, workers: 1 }]),
      ([one]) => one!.there === 1,
    );
    const [worker] = await untilAll(cluster, 'running');
    await release();
    // Nobody looks while it ends and is forgotten.
    await slurm.untilQueue('%T', (states) => states.length === 0);
    const gone = await until(
      () => cluster.workers(),
      (workers) => workers.every((one) => one.state === 'unknown' && one.because === 'absent'),
    );
    expect(gone).toMatchObject([{ id: worker!.id }]);
    const ensured = await until(
      () => cluster.ensure([{ shape: CPU, workers: 1 }]),
      ([one]) => one!.submitted === 1,
    );
    expect(ensured).toMatchObject([{ there: 1 }]);
  });
});

describe.skipIf(!hasAccounting)('with an accounting (skipped where slurmdbd and mariadbd are not installed)', () => {
  beforeAll(() => bringUp({ accounting: true, remembers: 2 }));
  afterAll(takeDown);

  it('what the queue has forgotten is looked up there; while it is away, nothing is known', async () => {
    const { cluster, release, again } = await site('account: lab', { exit: 5 });
    await cluster.ensure([{ shape: CPU, workers: 2 }]);
    const running = await untilAll(cluster, 'running', 2);
    await release();
    await slurm.untilQueue('%T', (states) => states.length === 0);
    const ids = running.map(({ id }) => id);
    const ended = await untilAll(cluster, 'ended');
    expect(ended).toMatchObject([
      { end: 'failed', exitCode: 5 },
      { end: 'failed', exitCode: 5 },
    ]);
    await slurm.stopAccounting();
    const other = again();
    const unknown = await until(
      () => other.workers(ids),
      (workers) => workers.every((one) => one.state === 'unknown' && one.because === 'absent'),
    );
    expect(unknown).toHaveLength(2);
    await slurm.startAccounting();
    expect(await untilAll(other, 'ended')).toMatchObject(ended.map(({ id }) => ({ id, end: 'failed', exitCode: 5 })));
  });

  it('a limit on submitted jobs makes them come later', async () => {
    const { cluster } = await site('account: lab\nworkers: { most: 10 }');
    await slurm.ask('sacctmgr', '-i', 'modify', 'account', 'lab', 'set', 'MaxSubmitJobs=3');
    const wanted = [{ shape: CPU, workers: 8 }];
    const came = await until(
      () => cluster.ensure(wanted),
      ([one]) => one!.later?.startsWith('Slurm:') === true,
    );
    expect(came[0]!.later).toMatch(/limit/i);
    const [some] = await until(
      () => cluster.ensure(wanted),
      ([one]) => one!.there >= 2,
    );
    expect(some!.there).toBeLessThanOrEqual(3);
    await cluster.cancel();
  });
});
