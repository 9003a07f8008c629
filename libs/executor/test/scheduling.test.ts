import { describe, expect, it } from 'vitest';
import { ranks } from '../src/select.ts';
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
          const rows = Array.from({ length: 10 }, (_, row) => `${model}-${row}`).join('\n');
          const path = rig().write(`${model}.txt`, rows);
          return [model, { kind: 'count', with: { rows: file(path, ['table']), model } }] as const;
        }),
      ),
    );

  it('load no model at two workers while others wait', async () => {
    const ran = await rig().run(perModel(), { jobs: 2 });
    expect(ran.status).toBe('succeeded');
    const loads = new Set<string>();
    const last = new Map<string, string>();
    const journal = rig().journal();
    for (const line of journal.filter((entry) => entry.startsWith('model'))) {
      const [, model, , worker] = line.split(' ') as [string, string, string, string];
      if (last.get(worker) !== model) loads.add(`${model} ${worker}`);
      last.set(worker, model);
    }
    // Each once, and the last of them perhaps by both, when no other is left.
    expect(loads.size).toBeLessThanOrEqual(models.length + 1);
  });

  it('are completed before new ones are begun', async () => {
    const ran = await rig().run(perModel(), { jobs: 1 });
    const order = ran.all.flatMap((event) =>
      event.event === 'task.started' || event.event === 'task.finished' ? [`${event.event} ${event.task}`] : [],
    );
    const finished = (model: string) => order.indexOf(`task.finished ${model}`);
    const started = (model: string) => order.indexOf(`task.started ${model}`);
    // While the last shard is taken into the store the worker begins with one more task, not with two.
    for (const [index, model] of models.entries()) {
      const afterNext = models[index + 2];
      if (afterNext !== undefined) expect(finished(model)).toBeLessThan(started(afterNext));
    }
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
