import { describe, expect, it } from 'vitest';
import { createJobQueue, type QueuedNeeds } from '../src/backends/local/job-queue.ts';
import type { WorkerPool } from '../src/backends/local/pool.ts';
import { ranks } from '../src/decide/select.ts';
import { file, graphOf, out } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

describe('workers', () => {
  it('keep their model and are given its tasks first', async () => {
    const models = ['x', 'y', 'x', 'y', 'x', 'y'];
    const steps = models.map(
      (model, index) => [`s${index}`, { kind: 'worker', with: { model, name: index } }] as const,
    );
    const ran = await rig().run(graphOf(Object.fromEntries(steps)), { jobs: 2 });
    // A worker changes its model only when nothing waits for the one it has: at most once here.
    const order = rig()
      .journal()
      .map((line) => Number(line.split(' ')[1]));
    const workers = new Set(order.map((index) => ran.value(`s${index}`)));
    expect(workers.size).toBe(2);
    for (const worker of workers) {
      const indices = order.filter((index) => ran.value(`s${index}`) === worker);
      const changes = indices.filter((index, at) => at > 0 && models[index] !== models[indices[at - 1]!]);
      expect(changes.length).toBeLessThanOrEqual(1);
    }
  });

  it('with one worker go through one model after the other', async () => {
    const models = ['x', 'y', 'x', 'y', 'x'];
    const steps = models.map(
      (model, index) => [`s${index}`, { kind: 'worker', with: { model, name: index } }] as const,
    );
    await rig().run(graphOf(Object.fromEntries(steps)), { jobs: 1 });
    const order = rig()
      .journal()
      .map((line) => models[Number(line.split(' ')[1])]);
    expect(order).toEqual(['x', 'x', 'x', 'y', 'y']);
  });
});

describe('tasks that divide', () => {
  const models = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'];
  /** One task a model, five shards each. */
  const perModel = () =>
    graphOf(
      Object.fromEntries(
        models.map((model) => {
          // The first two wait in their first shard until all are waiting to be chosen from.
          const held = models.indexOf(model) < 2 ? 'gate' : 'row';
          const rows = Array.from({ length: 10 }, (_, row) => `${row === 0 ? held : 'row'}-${model}-${row}`).join('\n');
          const path = rig().write(`${model}.txt`, rows);
          return [model, { kind: 'count', with: { rows: file(path, ['table']), model } }] as const;
        }),
      ),
    );

  it('load no model at two workers while others wait', async () => {
    const { results } = rig().store;
    let lookedUp = 0;
    let tellAll = () => {};
    const allWait = new Promise<void>((resolve) => {
      tellAll = resolve;
    });
    const get = async (key: Parameters<typeof results.get>[0]) => {
      const record = await results.get(key);
      // A shard that the store does not have waits for a worker; the two that have one are looked up once more.
      if (++lookedUp === models.length * 5 + 2) setImmediate(tellAll);
      return record;
    };
    const store = { ...rig().store, results: { ...results, get } };
    const running = rig().run(perModel(), { jobs: 2, store });
    const gates = ['gate-m0-0', 'gate-m1-0'];
    await Promise.all([allWait, ...gates.map((gate) => rig().started(gate))]);
    for (const gate of gates) rig().openGate(gate);
    expect((await running).status).toBe('succeeded');
    const loads = new Set<string>();
    const last = new Map<string, string>();
    const journal = rig().journal();
    for (const line of journal.filter((entry) => entry.startsWith('model'))) {
      const [, model, , worker] = line.split(' ') as [string, string, string, string];
      if (last.get(worker) !== model) loads.add(`${model} ${worker}`);
      last.set(worker, model);
    }
    // Each once, and the last ones perhaps by both, when no other is left.
    expect(loads.size).toBeLessThanOrEqual(models.length + 2);
  });
});

describe('the next job', () => {
  /** The order in which one worker is given the jobs, while `idle` is loaded by it and `busy` by another. */
  const orderOf = async (jobs: Readonly<Record<string, Partial<QueuedNeeds>>>): Promise<string[]> => {
    let free = 1;
    const leave = () => {
      free += 1;
    };
    const pool: WorkerPool = {
      size: 1,
      free: () => free,
      busy: () => 1 - free,
      idleAffinities: () => new Set(['idle']),
      busyAffinities: () => new Set(['busy']),
      take() {
        free -= 1;
        return { device: 'one', worker: () => Promise.reject(new Error('not needed')), leave };
      },
      want() {},
      yieldFree() {},
      abort() {},
      kill() {},
    };
    const queue = createJobQueue(pool);
    const order: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const common = {
      completes: false,
      rank: 3,
      affinity: undefined,
      devices: 1,
      runsCode: false,
      isBegun: () => false,
    };
    const all: Promise<unknown>[] = [queue.lend(common, () => gate)];
    for (const [name, job] of Object.entries(jobs)) {
      all.push(queue.lend({ ...common, ...job }, async () => void order.push(name)));
    }
    open();
    await Promise.all(all);
    return order;
  };

  it('is what completes a task, then what the worker has loaded, then the longest chain', async () => {
    const order = await orderOf({
      later: { rank: 2 },
      long: { rank: 5 },
      loaded: { rank: 1, affinity: 'idle' },
      joining: { rank: 1, completes: true },
    });
    expect(order).toEqual(['joining', 'loaded', 'long', 'later']);
  });

  it('among chains of one length is rather of a model that no other worker has, and of a task that is begun', async () => {
    const order = await orderOf({
      elsewhere: { rank: 2.9, affinity: 'busy', isBegun: () => true },
      first: { rank: 2.8, affinity: 'other' },
      begun: { rank: 2.7, affinity: 'third', isBegun: () => true },
    });
    expect(order).toEqual(['begun', 'first', 'elsewhere']);
  });
});

describe('the order of waiting tasks', () => {
  it('puts the longest chain first, then the order of the graph', () => {
    const graph = graphOf({
      short: { kind: 'echo' },
      long: { kind: 'echo' },
      middle: { kind: 'add', with: { values: [out('long')] } },
      end: { kind: 'add', with: { values: [out('middle')] } },
    });
    const rank = ranks(graph.tasks);
    const order = graph.tasks.map((task) => task.id).toSorted((a, b) => rank.get(b)! - rank.get(a)!);
    expect(order).toEqual(['long', 'middle', 'short', 'end']);
  });
});
