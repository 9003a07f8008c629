import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '@sonde/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../src/index.ts';
import { appears, bundle, file, graphOf, out, vanished } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
let folder: string;
let program: string;
let worker: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-program-'));
  [program, worker] = await Promise.all([bundle('program', folder), bundle('worker', folder)]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Process {
  readonly child: ChildProcess;
  /** The events so far. */
  readonly events: RunEvent[];
  /** Waits for an event. */
  saw(event: RunEvent['event'], task?: string): Promise<void>;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** A run in a process of its own. */
function start(graph: Graph, jobs = 1, environment: NodeJS.ProcessEnv = {}): Process {
  const graphFile = join(rig().folder, `graph-${Math.random()}.json`);
  writeFileSync(graphFile, JSON.stringify(graph));
  const child = spawn(process.execPath, [program, graphFile, rig().storeFolder, worker, String(jobs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TEST_FOLDER: rig().folder, ...environment },
  });
  const events: RunEvent[] = [];
  let rest = '';
  child.stdout!.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split('\n');
    rest = lines.pop()!;
    events.push(...lines.map((line) => JSON.parse(line) as RunEvent));
    child.emit('events');
  });
  return {
    child,
    events,
    async saw(name, task) {
      const is = (event: RunEvent) =>
        event.event === name && (task === undefined || ('task' in event && event.task === task));
      while (!events.some(is)) await once(child, 'events');
    },
    ended: once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) => signal ?? code ?? null),
  };
}

const finished = (process: Process) =>
  process.events.flatMap((event) => (event.event === 'task.finished' ? [event.task] : []));

describe('two runs at once', () => {
  it('compute each key once', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const steps = Object.fromEntries(names.map((name) => [name, { kind: 'echo', with: { value: name, name } }]));
    const graph = graphOf({
      held: { kind: 'gate', with: { name: 'held' } },
      ...steps,
      rows: { kind: 'count', with: { rows: file(rig().write('rows.txt', 'a\nb\nc\nd\ne\nf\ng'), ['table']) } },
      all: { kind: 'add', with: { values: [out('held')], plus: 1, name: 'all' } },
    });
    const [one, two] = [start(graph, 2), start(graph, 2)];
    // One of the two holds the first step; the other says that it waits for it.
    await Promise.race([one.saw('task.waiting', 'held'), two.saw('task.waiting', 'held')]);
    rig().openGate('held');
    expect(await Promise.all([one.ended, two.ended])).toEqual([0, 0]);
    const journal = rig().journal();
    expect(journal.toSorted()).toEqual([...new Set(journal)].sort());
    expect(journal).toHaveLength(1 + 6 + 4 + 1 + 1);
  });
});

describe('a run that is killed', () => {
  it('goes on where it was, and computes nothing twice that was complete', async () => {
    const graph = graphOf({
      a: { kind: 'echo', with: { value: 1, name: 'a' } },
      b: { kind: 'add', with: { values: [out('a')], name: 'b' } },
      // Shards of two rows; the third waits at a gate.
      rows: {
        kind: 'count',
        with: { rows: file(rig().write('rows.txt', 'a\nb\nc\nd\ngate-e\nf'), ['table']) },
        needs: ['b'],
      },
      last: { kind: 'add', with: { values: [out('rows'), out('b')], name: 'last' } },
    });
    const killed = start(graph);
    await rig().started('gate-e');
    // The results of a, b and two shards are in the store.
    for (let results = 0; results < 4; ) {
      results = 0;
      for await (const _ of rig().store.results.all()) results++;
    }
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    rig().openGate('gate-e');
    const again = await rig().run(graph);
    expect(again.status).toBe('succeeded');
    expect(again.value('last')).toBe('abcdgate-ef'.length + 1);
    const journal = rig().journal();
    for (const line of ['echo a', 'add b', 'shard a+b', 'shard c+d']) {
      expect(journal.filter((other) => other === line)).toHaveLength(1);
    }
    expect(again.counts).toEqual({ cached: 2, ran: 2, failed: 0, skipped: 0 });
  });
});

describe('a worker', () => {
  it.each(['hang', 'spin'])(
    'ends with a run that is killed, also while its step does not listen (%s)',
    async (kind) => {
      const run = start(graphOf({ deaf: { kind, with: { name: 'deaf' } } }));
      await run.saw('task.started', 'deaf');
      if (kind === 'spin') await appears(rig().path('spinning-deaf'));
      const workers = await workersOf(run.child.pid!);
      expect(workers).toHaveLength(1);
      run.child.kill('SIGKILL');
      expect(await run.ended).toBe('SIGKILL');
      for (const pid of workers) await vanished(pid);
    },
  );
});

describe('an interruption', () => {
  const graph = () =>
    graphOf({
      first: { kind: 'echo', with: { value: 1, name: 'first' } },
      held: { kind: 'gate', with: { name: 'held' }, needs: ['first'] },
      stubborn: { kind: 'stubborn', with: { name: 'stubborn' }, needs: ['first'] },
      after: { kind: 'add', with: { values: [out('held')] } },
    });

  it('stops what runs, keeps what is complete, leaves no lease, and says so', async () => {
    const run = start(graph(), 2, { TEST_GRACE: '600' });
    await Promise.all([rig().started('held'), rig().started('stubborn')]);
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.events.at(-1)).toMatchObject({
      event: 'run.finished',
      status: 'interrupted',
      counts: { cached: 0, ran: 2, failed: 0, skipped: 2 },
    });
    // What finished within the grace period is a result.
    expect(finished(run)).toEqual(['first', 'stubborn']);
    expect((await rig().store.care.status()).leases).toBe(0);
    expect((await rig().store.runs.list())[0]!.status).toBe('interrupted');
    rig().openGate('held');
    const again = await rig().run(graph());
    expect(again.counts).toEqual({ cached: 2, ran: 2, failed: 0, skipped: 0 });
  });

  it('ends a step that does not listen, after two seconds', async () => {
    const run = start(graphOf({ deaf: { kind: 'hang', with: { name: 'deaf' } } }));
    await run.saw('task.started', 'deaf');
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
  });

  it('ends it at once at the second signal', async () => {
    const run = start(graphOf({ deaf: { kind: 'hang', with: { name: 'deaf' } } }));
    await run.saw('task.started', 'deaf');
    const pids = await workersOf(run.child.pid!);
    run.child.kill('SIGINT');
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ status: 'interrupted' });
    for (const pid of pids) await vanished(pid);
  });

  it('from within ends the run too', async () => {
    const controller = new AbortController();
    const run = rig().run(graph(), { signal: controller.signal });
    await Promise.all([rig().started('held'), rig().started('stubborn')]);
    controller.abort();
    expect((await run).status).toBe('interrupted');
  });
});

/** The processes whose parent is this one (Linux). */
async function workersOf(parent: number): Promise<number[]> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.flatMap((stat) => {
    const [, pid, ppid] = /^(\d+) \(.*\) \S (\d+)/s.exec(stat) ?? [];
    return Number(ppid) === parent ? [Number(pid)] : [];
  });
}
