import type { ResultRecord } from '@sonde/store';
import { describe, expect, it } from 'vitest';
import { type Estimate, estimateGraph, type Rates, type TaskEstimate } from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';
import { file, graphOf, listing, out, type StepSpec, sources } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const rates: Rates = { flops: 1e10, traffic: 1e9, slowness: 1 };
const work = (rows: number, model = 'm'): StepSpec => ({ kind: 'work', with: { rows, model } });

async function estimate(steps: Record<string, StepSpec>, jobs = 2, more = {}): Promise<Estimate> {
  const places = { cpu: jobs, devices: 1 };
  const options = { store: rig().store, kinds, sources, places, rates: async () => rates, ...more };
  return estimateGraph(graphOf(steps), options);
}

async function ofTask(steps: Record<string, StepSpec>, task: string, more = {}): Promise<TaskEstimate> {
  return (await estimate(steps, 2, more)).estimates.find((each) => each.task === task)!;
}

describe('an estimate', () => {
  it('of what is cached is nothing', async () => {
    await rig().run(graphOf({ a: work(10) }));
    const found = await estimate({ a: work(10), b: work(20) });
    expect(found.estimates.map(({ task }) => task)).toEqual(['b']);
    expect(found.summary).toEqual({ cached: 1, run: 1, unknown: 0 });
  });

  it('without earlier results is the work at the rates of the machine', async () => {
    const found = await ofTask({ a: work(50) }, 'a');
    expect(found).toMatchObject({ seconds: 5, grounds: 'work', results: 0, rows: 50, memory: 5e7, disk: 400 });
    expect([found.low, found.high]).toEqual([5 / 3, 15]);
  });

  it('of a task whose inputs are not computed yet rests on what is expected of them', async () => {
    const found = await ofTask({ a: work(30), b: { kind: 'work', with: { from: out('a'), model: 'm' } } }, 'b');
    expect(found).toMatchObject({ rows: 30, seconds: 3 });
  });

  it('goes by what the same work took before', async () => {
    const ran = await rig().run(graphOf({ a: work(10) }));
    const { seconds } = ran.records.get('a')!;
    const found = await ofTask({ b: work(40) }, 'b');
    expect(found).toMatchObject({ grounds: 'same', results: 1 });
    expect(found.seconds).toBeCloseTo(4 * seconds, 9);
    const other = await ofTask({ b: work(40, 'another model') }, 'b');
    expect(other).toMatchObject({ grounds: 'kind', results: 1 });
    expect(other.seconds).toBeCloseTo(4 * seconds, 9);
    expect(other.high / other.seconds).toBeGreaterThan(found.high / found.seconds);
  });

  it('does not go by what another sort of device took', async () => {
    await rig().run(graphOf({ a: work(10) }));
    const graph = { b: { ...work(40), resources: { device: 'gpu', gpus: 2 } } as const };
    const found = await ofTask(graph, 'b', { accelerators: [0, 1].map((index) => ({ provider: 'cuda', index })) });
    expect(found).toMatchObject({ grounds: 'work', provider: 'cuda', devices: 2, seconds: 4 });
  });

  it('of a kind that says nothing is that of something small', async () => {
    expect(await ofTask({ a: { kind: 'echo', with: { value: 1 } } }, 'a')).toMatchObject({ grounds: 'nothing' });
  });

  it('of a kind that knows too little of what comes in is not known', async () => {
    const kind = kinds.get('test/work')!;
    const cost = async () => ({ cost: async () => undefined });
    const unknown = { kinds: new Map([...kinds, ['test/work', { ...kind, cost }]]) };
    expect(await ofTask({ a: work(30) }, 'a', unknown)).toMatchObject({ grounds: 'unknown', seconds: 0, high: 0 });
  });

  it('of a kind that says nothing goes by what such tasks took', async () => {
    const echo = (value: number): StepSpec => ({ kind: 'echo', with: { value } });
    const ran = await rig().run(graphOf({ a: echo(1) }));
    const found = await ofTask({ b: echo(2) }, 'b');
    expect(found).toMatchObject({ grounds: 'kind', results: 1, seconds: ran.records.get('a')!.seconds });
  });

  it('counts no shard that the store has: of a step that has grown, or was interrupted, the rest alone', async () => {
    const counting = (lines: readonly string[]) => ({
      a: { kind: 'count', with: { rows: file(rig().write('rows.txt', lines.join('\n')), ['table']) } } as const,
    });
    const [few, many] = [
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    ];
    await rig().run(graphOf(counting(few)));
    const count = kinds.get('test/count')!;
    const said = { flops: 5e10, traffic: 0, other: 0, memory: 1, rows: 10, outputs: { out: { bytes: 100 } } };
    const costly = { ...count, cost: async () => ({ cost: async () => said }) };
    const known = { kinds: new Map([...kinds, ['test/count', costly]]) };
    expect(await ofTask(counting(many), 'a', known)).toMatchObject({ seconds: 3, rows: 6, disk: 160 });
    // Anew, all of it.
    expect(await ofTask(counting(many), 'a', { ...known, refresh: ['a'] })).toMatchObject({ seconds: 5, rows: 10 });
  });

  it('rests on what the machines took that will do the work, where there are such results', async () => {
    await rig().run(graphOf({ a: work(10), b: work(11) }));
    const of = (rows: number) => (record: ResultRecord) =>
      JSON.stringify(record.notes?.work).includes(`"flops":${rows * 1e9},`);
    expect(await ofTask({ c: work(40) }, 'c')).toMatchObject({ results: 2 });
    expect(await ofTask({ c: work(40) }, 'c', { ofThoseMachines: of(11) })).toMatchObject({ results: 1 });
    expect(await ofTask({ c: work(40) }, 'c', { ofThoseMachines: of(12) })).toMatchObject({ results: 2 });
  });

  it('of a run that does small tasks itself has those one after the other', async () => {
    const four = { a: work(10), b: work(11), c: work(12), d: work(13) };
    const all = await estimate(four, 2, { places: { cpu: 100, devices: 1, small: 1 } });
    expect(all.elapsed).toBeCloseTo(4.6, 9);
    const large = Object.fromEntries(
      Object.entries(four).map(([name, spec]) => [name, { ...spec, resources: { device: 'any', cpus: 1 } as const }]),
    );
    expect((await estimate(large, 2, { places: { cpu: 100, devices: 1, small: 1 } })).elapsed).toBeCloseTo(1.3, 9);
  });

  it('of the whole is no less than the work shared out, and than the longest chain', async () => {
    const four = { a: work(10), b: work(11), c: work(12), d: work(13) };
    expect((await estimate(four, 2)).elapsed).toBeCloseTo(4.6 / 2, 9);
    expect((await estimate(four, 100)).elapsed).toBeCloseTo(1.3, 9);
    const chain = { a: work(10), b: { kind: 'work', with: { from: out('a') } } };
    expect((await estimate(chain, 100)).elapsed).toBeCloseTo(2, 9);
  });

  it('writes nothing', async () => {
    await rig().run(graphOf({ a: work(10) }));
    const before = await listing(rig().storeFolder);
    await estimate({ b: work(10), c: work(20) });
    expect(await listing(rig().storeFolder)).toEqual(before);
  });
});
