import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { graphOf, out, type StepSpec } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

interface Node {
  readonly needs: readonly number[];
  readonly plus: number;
  readonly parity: boolean;
}

const nodes = fc.array(
  fc.record({
    needs: fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
    plus: fc.nat({ max: 3 }),
    parity: fc.boolean(),
  }),
  { minLength: 1, maxLength: 7 },
);

/** A graph of sums and parities, each of earlier ones. */
function graphFrom(list: readonly Node[], names: (index: number) => string) {
  const steps: Record<string, StepSpec> = {};
  list.forEach(({ needs, plus, parity }, index) => {
    const refs = index === 0 ? [] : needs.map((need) => out(names(need % index)));
    steps[names(index)] =
      parity && refs[0] !== undefined
        ? { kind: 'parity', with: { value: refs[0] } }
        : { kind: 'add', with: { values: refs, plus } };
  });
  return graphOf(steps);
}

describe('on any graph', () => {
  it('run does what plan says, in what order and by how many workers ever, and then there is nothing left to do', async () => {
    await fc.assert(
      fc.asyncProperty(nodes, fc.integer({ min: 1, max: 3 }), async (list, jobs) => {
        const graph = graphFrom(list, (index) => `s${index}`);
        const plan = await rig().plan(graph);
        const ran = await rig().run(graph, { jobs });
        expect(ran.status).toBe('succeeded');
        for (const planned of plan.tasks) {
          const record = ran.records.get(planned.task)!;
          const events = ran.all.filter((event) => 'task' in event && event.task === planned.task);
          if (planned.state !== 'unknown') expect(record.key).toBe(planned.key);
          if (planned.state === 'cached') expect(events.map((event) => event.event)).toEqual(['task.cached']);
          const started = events.find((event) => event.event === 'task.started');
          if (planned.state === 'run' && started !== undefined) expect(started.reason).toEqual(planned.reason);
          // A planned task is computed once, under whichever of the steps with that very key came first.
          if (planned.state === 'run' && started === undefined) {
            const twins = plan.tasks.filter((other) => other.key === planned.key).map((other) => other.task);
            expect(ran.ran.some((task) => twins.includes(task))).toBe(true);
          }
        }
        const after = await rig().plan(graphFrom(list, (index) => `renamed${index}`));
        expect(after.summary).toEqual({ cached: list.length, run: 0, unknown: 0 });
      }),
      { numRuns: 12, seed: 1 },
    );
  });
});
