import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SimulatedJob, simulate } from './machine.ts';

/** Numbers that are the same each time. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const cards = (count: number) => Array.from({ length: count }, (_, index) => `card-${index}`);

/** Shards of some models, which take from 10 to 120 seconds each; a tenth of them takes several devices. */
function jobsOf(count: number, seed: number, wide: readonly number[] = []): SimulatedJob[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const devices = wide.length > 0 && random() < 0.1 ? wide[Math.floor(random() * wide.length)]! : 1;
    return {
      name: `job-${index}`,
      devices,
      time: 10_000 + 110_000 * random(),
      model: `model-${Math.floor(random() * 6)}${devices > 1 ? '-large' : ''}`,
      at: random() < 0.5 ? 0 : 1_000_000 * random(),
    };
  });
}

describe('eight devices', () => {
  it('are busy as long as there is work for them, and change models seldom', async () => {
    const found = await simulate(cards(8), [jobsOf(600, 1)]);
    expect(found.busy).toBeGreaterThan(0.999);
    // A device changes its model when nothing of it is waiting.
    expect(Math.max(...found.loads.values())).toBeLessThanOrEqual(16);
    expect([...found.loads.values()].reduce((sum, loads) => sum + loads, 0)).toBeLessThan(60);
  });

  it('are busy for more than 95 % of the time where some steps need two or four at once', async () => {
    for (const seed of [1, 2, 3]) {
      const found = await simulate(cards(8), [jobsOf(600, seed, [2, 4])]);
      expect(found.busy).toBeGreaterThan(0.95);
    }
  });

  it('are shared by three processes, and busy for more than 95 % of the time', async () => {
    for (const seed of [1, 2, 3]) {
      const found = await simulate(
        cards(8),
        [10, 20, 30].map((more) => jobsOf(200, seed + more, [2])),
      );
      expect(found.busy).toBeGreaterThan(0.95);
    }
  });
});

describe('a step that needs several devices', () => {
  const small = (count: number, time: number): SimulatedJob[] =>
    Array.from({ length: count }, (_, index) => ({ name: `small-${index}`, devices: 1, time, at: index * 10 }));

  it('is not passed over by smaller ones for ever', async () => {
    const wide = { name: 'wide', devices: 4, time: 1000, at: 5000 };
    const { order } = await simulate(cards(4), [[...small(1000, 1000), wide]]);
    // Only what was under way when it came goes before it.
    expect(order.indexOf('wide')).toBeLessThanOrEqual(24);
  });

  it('leaves the devices that it does not need to others', async () => {
    const wide = (name: string) => ({ name, devices: 3, time: 10_000 });
    const { order } = await simulate(cards(4), [[wide('first'), wide('second'), ...small(4, 5000)]]);
    expect(order.slice(0, 2).toSorted()).toEqual(['first', 'small-0']);
  });

  it('is not waited for in a circle by processes that each have some of what the others need', async () => {
    const jobs = fc.array(
      fc.record({
        devices: fc.integer({ min: 1, max: 4 }),
        time: fc.integer({ min: 1, max: 2_000_000 }),
        at: fc.integer({ min: 0, max: 100_000 }),
        model: fc.constantFrom('a', 'b'),
      }),
      { maxLength: 8 },
    );
    const scenario = fc.record({ count: fc.integer({ min: 1, max: 4 }), processes: fc.array(jobs, { maxLength: 4 }) });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ count, processes }) => {
        const named = processes.map((list, process) =>
          list.map((job, index) => ({
            ...job,
            devices: Math.min(job.devices, count),
            name: `${process}-${index}`,
          })),
        );
        const { order } = await simulate(cards(count), named);
        expect(order.toSorted()).toEqual(
          named
            .flat()
            .map(({ name }) => name)
            .toSorted(),
        );
      }),
      { numRuns: 200 },
    );
  });
});
