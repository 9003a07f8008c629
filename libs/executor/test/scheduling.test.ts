import { describe, expect, it } from 'vitest';
import { ranks } from '../src/select.ts';
import { graphOf, out } from './rig.ts';
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
