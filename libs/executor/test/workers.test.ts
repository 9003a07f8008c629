import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '@sonde/pipeline';
import { openStore } from '@sonde/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunEvent, work } from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';
import { bundle, file, graphOf, out, type StepSpec } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
let folder: string;
let programs: { readonly program: string; readonly host: string; readonly worker: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-workers-'));
  const [program, host, worker] = await Promise.all([
    bundle('program', folder),
    bundle('worker-host', folder),
    bundle('worker', folder),
  ]);
  programs = { program, host, worker };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  children.clear();
});

interface Process<Line> {
  readonly child: ChildProcess;
  readonly lines: Line[];
  saw(matches: (line: Line) => boolean): Promise<void>;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

function start<Line>(program: string, args: readonly string[]): Process<Line> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TEST_FOLDER: rig().folder },
  });
  children.add(child);
  const lines: Line[] = [];
  let rest = '';
  child.stdout!.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split('\n');
    rest = parts.pop()!;
    lines.push(...parts.map((line) => JSON.parse(line) as Line));
    child.emit('lines');
  });
  return {
    child,
    lines,
    async saw(matches) {
      while (!lines.some(matches)) await once(child, 'lines');
    },
    ended: once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => signal ?? code ?? null),
  };
}

/** A run that gives all of its work away. */
function startRun(graph: Graph, onInterrupt: 'leave' | 'cancel' = 'leave'): Process<RunEvent> {
  const graphFile = join(rig().folder, `graph-${Math.random()}.json`);
  writeFileSync(graphFile, JSON.stringify(graph));
  return start(programs.program, [graphFile, rig().storeFolder, programs.worker, '1', onInterrupt]);
}

type Told = { readonly task?: string; readonly state?: string; readonly done?: number; readonly failed?: number };

function startWorker({ jobs = 1, idle = 60, store = rig().storeFolder, lives = '', job = '' } = {}): Process<Told> {
  const more = job === '' ? (lives === '' ? [] : [lives]) : [lives, job];
  return start(programs.host, [store, programs.worker, String(jobs), String(idle), ...more]);
}

async function stopWorkers(...workers: readonly Process<Told>[]): Promise<void> {
  for (const { child } of workers) child.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
}

const finished = (run: Process<RunEvent>): string[] =>
  run.lines.flatMap((event) => (event.event === 'task.finished' ? [event.task] : []));
const failureOf = (run: Process<RunEvent>, task: string) =>
  run.lines.find((event) => event.event === 'task.failed' && event.task === task) as
    | (RunEvent & { event: 'task.failed' })
    | undefined;

/** The names of the echo steps that a test can count in the journal. */
function echoes(count: number): Record<string, StepSpec> {
  const names = Array.from({ length: count }, (_, index) => `e${index}`);
  return Object.fromEntries(names.map((name, value) => [name, { kind: 'echo', with: { value, name } }]));
}

function wide(count: number): Graph {
  const steps = echoes(count);
  return graphOf({
    ...steps,
    rows: { kind: 'count', with: { rows: file(rig().write('rows.txt', 'a\nb\nc\nd\ne\nf\ng'), ['table']) } },
    sum: { kind: 'add', with: { values: Object.keys(steps).map((name) => out(name)), plus: 1, name: 'sum' } },
    all: { kind: 'add', with: { values: [out('sum'), out('rows')], name: 'all' } },
  });
}

async function outputsOf(folderOfStore: string): Promise<Record<string, string>> {
  const store = await openStore(folderOfStore, { readOnly: true });
  const found: Record<string, string> = {};
  for await (const { key, outputs } of store.results.all()) found[key] = JSON.stringify(outputs);
  await store.close();
  return found;
}

async function ordersLeft(): Promise<number> {
  let count = 0;
  for (const shape of await rig().store.spool.shapes()) count += (await rig().store.spool.list(shape)).length;
  return count;
}

describe('workers on one store', () => {
  it('do what a run gives away, each key once, with the bytes of a run on one machine', async () => {
    const graph = wide(12);
    const workers = [startWorker(), startWorker({ jobs: 2 })];
    const run = startRun(graph);
    expect(await run.ended).toBe(0);
    await stopWorkers(...workers);
    const journal = rig().journal();
    expect(journal.toSorted()).toEqual([...new Set(journal)].sort());
    expect(journal).toHaveLength(12 + 4 + 1 + 2);
    expect(finished(run).toSorted()).toEqual(graph.tasks.map(({ id }) => id).sort());
    expect(run.lines.filter(({ event }) => event === 'task.started')).toHaveLength(graph.tasks.length);
    expect(await ordersLeft()).toBe(0);
    const here = await rig().run(graph, { store: await openStore(rig().path('other')) });
    expect(here.status).toBe('succeeded');
    expect(await outputsOf(rig().storeFolder)).toEqual(await outputsOf(rig().path('other')));
  });

  it('may be started before there is work, or after; they end when there was none for a while', async () => {
    const run = startRun(graphOf(echoes(3)));
    await run.saw(({ event }) => event === 'task.queued');
    const worker = startWorker({ idle: 1 });
    expect(await run.ended).toBe(0);
    expect(await worker.ended).toBe(0);
    expect(worker.lines.at(-1)).toEqual({ done: 3, failed: 0, strange: 0 });
  });

  it('may see the store under another path', async () => {
    symlinkSync(rig().storeFolder, rig().path('elsewhere'));
    const run = startRun(wide(2));
    const worker = startWorker({ store: rig().path('elsewhere') });
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
    const { notes } = (await rig().run(wide(2))).records.get('all')!;
    expect(notes).toMatchObject({ inputs: { 'values.0': 'sum.out' }, device: 'cpu', host: expect.any(String) });
  });

  it('serve two runs of the same at once: nothing is done twice', async () => {
    const [one, two] = [startRun(wide(8)), startRun(wide(8))];
    const workers = [startWorker(), startWorker()];
    expect(await Promise.all([one.ended, two.ended])).toEqual([0, 0]);
    await stopWorkers(...workers);
    const journal = rig().journal();
    expect(journal.toSorted()).toEqual([...new Set(journal)].sort());
    // Which of the two a result is told of as computed for is chance.
    for (const run of [one, two]) {
      const told = run.lines.filter(({ event }) => event === 'task.finished' || event === 'task.cached');
      const tasks = told.map((event) => ('task' in event ? event.task : ''));
      expect([...new Set(tasks)].sort()).toEqual(
        wide(8)
          .tasks.map(({ id }) => id)
          .sort(),
      );
    }
  });

  it('say what a step says, and where it is', async () => {
    const run = startRun(graphOf({ extra: { kind: 'extra' }, held: { kind: 'gate', with: { name: 'held' } } }));
    const worker = startWorker({ jobs: 2 });
    await run.saw((event) => event.event === 'task.started' && event.task === 'held');
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
    expect(run.lines).toContainEqual(expect.objectContaining({ event: 'task.log', task: 'extra', level: 'warning' }));
    expect(run.lines).toContainEqual(
      expect.objectContaining({ event: 'task.started', task: 'held', device: expect.stringMatching(/^cpu on ./) }),
    );
  });
});

describe('the last lines that a step’s process writes', () => {
  it('can be read while it is at work', async () => {
    const says = Array.from({ length: 9 }, (_, index) => `line ${index + 1}\n`).join('');
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held', says } } }));
    const worker = startWorker();
    const { spool } = rig().store;
    const written = async () => {
      const [key] = await spool.live();
      return key === undefined ? undefined : (await spool.readLive(key))?.wrote;
    };
    await expect
      .poll(written, { timeout: 60_000, interval: 200 })
      .toEqual(['line 5', 'line 6', 'line 7', 'line 8', 'line 9']);
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
  });
});

describe('a step that fails at a worker', () => {
  it('is told in its words, with the last lines of its process', async () => {
    const run = startRun(
      graphOf({ crash: { kind: 'crash', with: { name: 'c', how: 'exit', until: 9, says: 'no more paper' } } }),
    );
    const worker = startWorker();
    expect(await run.ended).toBe(1);
    await stopWorkers(worker);
    expect(failureOf(run, 'crash')!.failure).toEqual({
      code: 'crash',
      message: 'Its worker process ended with exit code 7 before the step was done.',
      stderr: 'no more paper',
    });
    expect(await ordersLeft()).toBe(0);
  });

  it('is tried as often as its retries allow, and again by the next run', async () => {
    const worker = startWorker();
    const graph = graphOf({ fail: { kind: 'fail', with: { name: 'f', until: 3 }, retries: 1 } });
    const first = startRun(graph);
    expect(await first.ended).toBe(1);
    expect(failureOf(first, 'fail')!.failure).toMatchObject({ code: 'step', message: 'f is wrong.' });
    expect(first.lines).toContainEqual(expect.objectContaining({ event: 'task.log', level: 'warning' }));
    const second = startRun(graph);
    expect(await second.ended).toBe(0);
    await stopWorkers(worker);
    expect(rig().journal()).toHaveLength(4);
  });

  it('keeps nothing where a file from outside changes while it is read', async () => {
    const path = rig().write('input.txt', 'before');
    const run = startRun(graphOf({ read: { kind: 'read', with: { file: file(path), gate: 'reading' } } }));
    const worker = startWorker();
    await rig().started('reading');
    rig().write('input.txt', 'after that');
    rig().openGate('reading');
    expect(await run.ended).toBe(1);
    await stopWorkers(worker);
    expect(failureOf(run, 'read')!.failure).toMatchObject({ code: 'input-changed' });
    expect(await outputsOf(rig().storeFolder)).toEqual({});
  });
});

describe('what a step asks for', () => {
  it('is the shape of its worker, and more of it after a failure for want of it', async () => {
    const says = 'JavaScript heap out of memory';
    const run = startRun(
      graphOf({
        crash: {
          kind: 'crash',
          with: { name: 'c', how: 'exit', until: 1, says },
          resources: { device: 'any', memoryBytes: 1000, cpus: 2 },
          retries: 1,
          onFailure: { memory: 2 },
        },
      }),
    );
    const worker = startWorker();
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
    const shapes = run.lines.flatMap((event) => (event.event === 'task.queued' ? [event.shape] : []));
    expect(shapes).toEqual(['cpu.c2.m1000', 'cpu.c2.m2000']);
    expect(run.lines).toContainEqual(expect.objectContaining({ event: 'task.retrying', attempt: 2 }));
  });

  it('may be another for each of many steps', async () => {
    const steps = Object.entries(echoes(40)).map(([name, step], at): [string, StepSpec] => [
      name,
      { ...step, resources: { device: 'any', memoryBytes: 1000 + at } },
    ]);
    const run = startRun(graphOf(Object.fromEntries(steps)));
    const worker = startWorker({ jobs: 2 });
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
    expect(finished(run)).toHaveLength(steps.length);
  });

  it('is not what a worker has: it says so, and does not look for work that it could not do', async () => {
    const { store } = rig();
    const card = { provider: 'cuda', index: 0 } as const;
    const some = { store, kinds, workerEntry: programs.worker, idleSeconds: 0 };
    await expect(work({ ...some, shape: 'cuda.g2', accelerators: [card] })).rejects.toThrow(
      'needs 2 devices (cuda) at once, and this worker was given 1',
    );
    await expect(work({ ...some, shape: 'webgpu.g1', accelerators: [card] })).rejects.toThrow('was given 0');
    await expect(work({ ...some, shape: 'cuda.g1', accelerators: [card] })).resolves.toMatchObject({ done: 0 });
  });

  it('is more time after a failure for want of it, also of the timeout', async () => {
    const run = startRun(
      graphOf({
        held: {
          kind: 'gate',
          with: { name: 'held' },
          timeoutSeconds: 1,
          retries: 1,
          onFailure: { time: 300 },
        },
      }),
    );
    const worker = startWorker();
    await run.saw(({ event }) => event === 'task.retrying');
    await run.saw((event) => event.event === 'task.started' && event.attempt === 1);
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(worker);
  });

  it('is more memory where the job of its worker used all of it, with the worker itself', async () => {
    const run = startRun(
      graphOf({
        held: {
          kind: 'gate',
          with: { name: 'held' },
          resources: { device: 'any', memoryBytes: 1000 },
          retries: 1,
          onFailure: { memory: 2 },
        },
      }),
    );
    const first = startWorker({ job: 'small_0' });
    await rig().started('held');
    const second = startWorker({ job: 'large_0' });
    first.child.kill('SIGKILL');
    await run.saw(({ event }) => event === 'task.retrying');
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(second);
    const shapes = run.lines.flatMap((event) => (event.event === 'task.queued' ? [event.shape] : []));
    expect(shapes).toEqual(['cpu.m1000', 'cpu.m2000']);
    expect(run.lines).toContainEqual(
      expect.objectContaining({
        event: 'task.retrying',
        failure: expect.objectContaining({
          code: 'out-of-memory',
          message: expect.stringMatching(
            /^Its worker, job small_0 on .*used more memory than its job had asked for\.$/,
          ),
        }),
      }),
    );
  });

  it('was not enough time where its worker has to end when it is nearly over', async () => {
    const run = startRun(
      graphOf({ held: { kind: 'gate', with: { name: 'held' }, resources: { device: 'any', timeSeconds: 1 } } }),
    );
    const worker = startWorker();
    // What a worker says is written after a second.
    await run.saw(({ event }) => event === 'task.started');
    await stopWorkers(worker);
    expect(await run.ended).toBe(1);
    expect(failureOf(run, 'held')!.failure).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('the 1 s'),
    });
  });
});

describe('work that outlasts every worker', () => {
  it('is given back as long as one may yet get it done, then fails with what to do', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    let over = false;
    const ended = run.ended.then((status) => {
      over = true;
      return status;
    });
    const states: (string | undefined)[] = [];
    while (!over) {
      const worker = startWorker({ lives: '2' });
      await Promise.race([ended, worker.saw(({ state }) => state === 'started')]);
      await stopWorkers(worker);
      states.push(...worker.lines.flatMap(({ state }) => (state === 'started' ? [] : [state])));
    }
    expect(await ended).toBe(1);
    expect(states.filter((state) => state !== undefined).at(-1)).toBe('failed');
    expect(failureOf(run, 'held')!.failure).toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(/^The time of \d+ workers was over before it was done: .*a worker lives 2 s\.$/),
      hint: expect.stringMatching(/`resources: \{ time: … \}`.*`time:` in slurm.yaml/),
    });
  });
});

describe('a run that is killed', () => {
  it('leaves its work to the workers, and is taken up again', async () => {
    const graph = graphOf({
      ...echoes(5),
      held: { kind: 'gate', with: { name: 'held', value: 7 } },
      last: { kind: 'add', with: { values: [out('held'), out('e1')], name: 'last' } },
    });
    const worker = startWorker();
    const killed = startRun(graph);
    await rig().started('held');
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    const again = startRun(graph);
    await again.saw((event) => event.event === 'task.waiting' && event.task === 'held');
    rig().openGate('held');
    expect(await again.ended).toBe(0);
    await stopWorkers(worker);
    const journal = rig().journal();
    expect(journal.toSorted()).toEqual([...new Set(journal)].sort());
    expect(journal).toHaveLength(7);
  });
});

describe('a worker that is killed', () => {
  it('is replaced by another; what it did is done once more', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    const first = startWorker();
    await rig().started('held');
    const second = startWorker();
    first.child.kill('SIGKILL');
    await second.saw(({ task, state }) => task === 'held' && state === 'started');
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(second);
    expect(finished(run)).toEqual(['held']);
  });

  it('with all its processes, by a signal that lets it end, gives its work back, which counts as no failure', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    const first = startWorker();
    await rig().started('held');
    const second = startWorker();
    const { pid } = first.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    for (const one of [...children, pid!]) process.kill(one, 'SIGTERM');
    await second.saw(({ task, state }) => task === 'held' && state === 'started');
    rig().openGate('held');
    expect(await run.ended).toBe(0);
    await stopWorkers(second);
  });

  it('three times with the same work is a failure of that work', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    for (let death = 0; death < 3; death++) {
      const worker = startWorker();
      await worker.saw(({ state }) => state === 'started');
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    const last = startWorker();
    expect(await run.ended).toBe(1);
    await stopWorkers(last);
    expect(failureOf(run, 'held')!.failure).toMatchObject({
      code: 'crash',
      message: expect.stringMatching(/^Each of the 3 workers that did it was lost.*process \d+ on /),
    });
  });

  it('three times in jobs that used more memory than they had asked for says that', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    for (let death = 0; death < 3; death++) {
      const worker = startWorker({ job: `small_${death}` });
      await worker.saw(({ state }) => state === 'started');
      worker.child.kill('SIGKILL');
      await worker.ended;
    }
    const last = startWorker({ job: 'large_0' });
    expect(await run.ended).toBe(1);
    await stopWorkers(last);
    expect(failureOf(run, 'held')!.failure).toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/^Each of the 3 workers.*the last, job small_2 on .*, used more memory/),
      hint: expect.stringContaining('on_failure: { memory: x2 }'),
    });
  });

  it('in order gives its work back, which counts as no loss', async () => {
    const run = startRun(graphOf({ held: { kind: 'gate', with: { name: 'held' } } }));
    for (let turn = 0; turn < 4; turn++) {
      const worker = startWorker();
      await worker.saw(({ state }) => state === 'started');
      await stopWorkers(worker);
      expect(worker.lines).toContainEqual({ task: 'held', state: 'stopped' });
    }
    rig().openGate('held');
    const last = startWorker();
    expect(await run.ended).toBe(0);
    await stopWorkers(last);
  });
});

describe('an interruption', () => {
  const graph = () => graphOf({ held: { kind: 'gate', with: { name: 'held' } }, ...echoes(2) });

  it('leaves the work, which workers go on with', async () => {
    const run = startRun(graph(), 'leave');
    const worker = startWorker();
    await rig().started('held');
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    rig().openGate('held');
    await worker.saw(({ task, state }) => task === 'held' && state === 'done');
    for (const name of ['e0', 'e1']) await worker.saw(({ task, state }) => task === name && state === 'done');
    await stopWorkers(worker);
    const again = await rig().run(graph());
    expect(again.counts).toEqual({ cached: 3, ran: 0, failed: 0, skipped: 0 });
  });

  it('or takes it back, also what is at work', async () => {
    const run = startRun(graph(), 'cancel');
    const worker = startWorker();
    await rig().started('held');
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    await worker.saw(({ task, state }) => task === 'held' && state === 'stopped');
    expect(await ordersLeft()).toBe(0);
    await stopWorkers(worker);
  });

  it('takes back what an earlier run has left, too', async () => {
    const first = startRun(graph(), 'leave');
    await first.saw(({ event }) => event === 'task.queued');
    await expect.poll(ordersLeft).toBe(3);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(130);
    expect(await ordersLeft()).toBe(3);
    const second = startRun(graph(), 'cancel');
    await expect.poll(() => second.lines.filter(({ event }) => event === 'task.waiting').length).toBe(3);
    second.child.kill('SIGINT');
    expect(await second.ended).toBe(130);
    expect(await ordersLeft()).toBe(0);
  });
});
