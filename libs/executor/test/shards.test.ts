import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { file, graphOf } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
/** Counts the letters of a file's lines, two lines a shard. */
const counting = (lines: readonly string[], scale = 1) => {
  const path = rig().write('rows.txt', lines.join('\n'));
  return graphOf({ count: { kind: 'count', with: { rows: file(path, ['table']), scale } } });
};
const shardsRun = () =>
  rig()
    .journal()
    .filter((line) => line.startsWith('shard'))
    .sort();

describe('a step that divides', () => {
  it('computes each shard and joins them', async () => {
    const ran = await rig().run(counting(['a', 'bb', 'ccc', 'dddd', 'eeeee']));
    expect(ran.value('count')).toBe(15);
    expect(shardsRun()).toEqual(['shard a+bb', 'shard ccc+dddd', 'shard eeeee']);
    expect(ran.counts.ran).toBe(1);
    expect(ran.all.filter((event) => event.event === 'task.started')).toHaveLength(1);
    const progress = ran.all.filter((event) => event.event === 'task.progress');
    expect(progress.at(-1)).toMatchObject({ done: 5, total: 5, unit: 'rows' });
  });

  it('says once what every shard has to say, and what is to be said of the whole', async () => {
    const ran = await rig().run(counting(['a', 'bb', 'ccc', 'dddd', 'eeeee']));
    const said = ran.all.flatMap((event) => (event.event === 'task.log' ? [event.message] : []));
    expect(said).toEqual(['Letters are counted as they are.', 'There are 3 shards.']);
  });

  it('tells of its start before its progress, and of the whole task from the first on', async () => {
    await rig().run(counting(['a', 'bb']));
    const ran = await rig().run(counting(['a', 'bb', 'ccc', 'dddd', 'eeeee']), { jobs: 1 });
    const told = ran.all.filter((event) => event.event === 'task.started' || event.event === 'task.progress');
    expect(told[0]!.event).toBe('task.started');
    expect(told.slice(1).map((event) => 'total' in event && event.total)).toEqual(told.slice(1).map(() => 5));
    // The rows of the shard that was in the store are done from the first on.
    expect(told[1]).toMatchObject({ done: 2, unit: 'rows' });
  });

  it('computes only the new rows when it grows, from one shard to two as well', async () => {
    await rig().run(counting(['a', 'bb']));
    const grown = await rig().run(counting(['a', 'bb', 'ccc']));
    expect(grown.value('count')).toBe(6);
    await rig().run(counting(['a', 'bb', 'ccc', 'dd', 'e']));
    expect(shardsRun()).toEqual(['shard a+bb', 'shard ccc', 'shard ccc+dd', 'shard e']);
    const other = await rig().run(counting(['a', 'bb', 'ccc'], 10));
    expect(other.value('count')).toBe(60);
    expect(shardsRun()).toHaveLength(6);
  });

  it('runs whole where there is nothing to divide', async () => {
    const ran = await rig().run(counting([]));
    expect(ran.value('count')).toBe(0);
    expect(rig().journal()).toEqual(['shard']);
  });

  it('keeps the shards that were complete when another fails', async () => {
    const failed = await rig().run(counting(['a', 'b', 'fail']), { keepGoing: true });
    expect(failed.failures.get('count')).toMatchObject({ code: 'step', message: 'A row is wrong.' });
    await rig().run(counting(['a', 'b', 'c']));
    expect(shardsRun().filter((line) => line === 'shard a+b')).toHaveLength(1);
  });

  it('that fails in one shard starts no other, and says why it failed', async () => {
    const failed = await rig().run(counting(['fail', 'a', 'b', 'c', 'd', 'e', 'f', 'g']), { jobs: 1 });
    expect(failed.counts).toEqual({ cached: 0, ran: 0, failed: 1, skipped: 0 });
    expect(failed.failures.get('count')).toMatchObject({ message: 'A row is wrong.' });
    expect(shardsRun()).toEqual(['shard fail+a']);
  });

  it('computes a shard again whose bytes are gone, and joins anew', async () => {
    const first = await rig().run(counting(['a', 'bb', 'cccc']));
    const whole = first.records.get('count')!;
    rmSync(rig().store.blobs.path(whole.outputs.out!.digest), { force: true });
    const [, second] = whole.notes!.shards as `sha256:${string}`[];
    rmSync(rig().store.blobs.path((await rig().store.results.get(second!))!.outputs.out!.digest), { force: true });
    const again = await rig().run(counting(['a', 'bb', 'cccc']));
    expect(again.value('count')).toBe(7);
    expect(shardsRun()).toEqual(['shard a+bb', 'shard cccc', 'shard cccc']);
  });
});
