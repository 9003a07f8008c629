import { setImmediate as turn } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import { expect, it } from 'vitest';
import { type Demand, runGraph, type StepKind } from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';
import { graphOf, out, type StepSpec } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const TASKS = 300;

/** As many tasks as are ready at once, all of which read what the first gives. */
const wide = (tasks: number, from: number) =>
  graphOf({
    first: { kind: 'work', with: { rows: 3 } },
    ...Object.fromEntries(
      Array.from({ length: tasks }, (_, n): [string, StepSpec] => [
        `t${n}`,
        { kind: 'work', with: { from: out('first'), rows: from + n } },
      ]),
    ),
  });

/** How many tasks at a time are asked what their work will be, which reads their inputs. */
function watched(): { readonly kinds: ReadonlyMap<string, StepKind>; most(): number } {
  let [now, most] = [0, 0];
  const work = kinds.get('test/work')!;
  const cost: StepKind['cost'] = async () => {
    const { cost: own } = await work.cost!();
    return {
      async cost(context) {
        most = Math.max(most, ++now);
        for (let i = 0; i < 20; i++) await turn();
        now--;
        return own(context);
      },
    };
  };
  return { kinds: new Map([...kinds, ['test/work', { ...work, cost }]]), most: () => most };
}

/** Gives all tasks away, and stops when it has; the bytes of each order. */
async function giveAll(tasks: number, from: number, known: ReadonlyMap<string, StepKind>): Promise<readonly number[]> {
  const stop = new AbortController();
  const { events, result } = runGraph(
    wide(tasks, from),
    rig().options({ kinds: known, away: { lightHere: false }, signal: stop.signal }),
  );
  let queued = 0;
  for await (const { event } of events) if (event === 'task.queued' && ++queued === tasks) stop.abort();
  expect((await result).status).toBe('interrupted');
  const { spool } = rig().store;
  const names = (await Promise.all((await spool.shapes()).map((shape) => spool.list(shape)))).flat();
  return Promise.all(names.map(async (name) => JSON.stringify(await spool.read(name)).length));
}

it('a run that has much to give away reads the inputs of few tasks at a time, and its orders do not grow with it', async () => {
  await rig().run(graphOf({ first: { kind: 'work', with: { rows: 3 } } }));
  const few = watched();
  const [one] = await giveAll(1, 1000, few.kinds);
  const many = watched();
  const sizes = await giveAll(TASKS, 2000, many.kinds);
  expect(sizes).toHaveLength(1 + TASKS);
  expect(many.most()).toBeGreaterThan(0);
  expect(many.most()).toBeLessThanOrEqual(4);
  // Their names and numbers are a little longer.
  expect(Math.max(...sizes)).toBeLessThan(one! + 20);
});

it('a run sends for workers for what it waits for, and not for what others have left and nobody may be able to do', async () => {
  await rig().run(graphOf({ first: { kind: 'work', with: { rows: 3 } } }));
  await giveAll(20, 4000, kinds);
  const stop = new AbortController();
  const demands: number[] = [];
  const launcher = {
    async want(demand: readonly Demand[]) {
      demands.push(...demand.map(({ orders }) => orders));
      stop.abort();
      return [];
    },
    cancel: async () => undefined,
  };
  const { result } = runGraph(
    wide(1, 5000),
    rig().options({ kinds, away: { lightHere: false, launcher }, signal: stop.signal }),
  );
  await result;
  expect(demands).toEqual([1]);
});

it('a run for which there will never be workers leaves no orders, nor those of an earlier run that it waits for', async () => {
  await rig().run(graphOf({ first: { kind: 'work', with: { rows: 3 } } }));
  await giveAll(3, 6000, kinds);
  const launcher = {
    want: () => Promise.reject(new UserError('cluster', 'no such partition')),
    cancel: async () => undefined,
  };
  const { result } = runGraph(wide(4, 6000), rig().options({ kinds, away: { lightHere: false, launcher } }));
  const { status, failures } = await result;
  expect(status).toBe('failed');
  expect([...failures.values()].every(({ message }) => message === 'no such partition')).toBe(true);
  const { spool } = rig().store;
  expect((await Promise.all((await spool.shapes()).map((shape) => spool.list(shape)))).flat()).toEqual([]);
});
