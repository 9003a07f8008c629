import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ResultRecord } from '@sonde/store';
import { describe, expect, it } from 'vitest';
import { file, graphOf, out, type Ran, type StepSpec } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

/** Flips a byte of an output's stored content, its size left as it is; for a folder, of every file. */
function damage(record: ResultRecord | undefined): void {
  const artifact = record!.outputs.out!;
  for (const { digest } of artifact.files === undefined ? [artifact] : Object.values(artifact.files)) {
    const path = rig().store.blobs.path(digest);
    const bytes = readFileSync(path);
    bytes[0] = bytes[0]! ^ 1;
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
  }
}

const exports = (...tasks: string[]) => ({ exports: tasks.map((task) => ({ task, output: 'out' })) });
const endings = (ran: Ran, task: string) =>
  ran.all
    .filter((event) => 'task' in event && event.task === task && event.event !== 'task.log')
    .map(({ event }) => event);

const steps: Record<string, StepSpec> = {
  a: { kind: 'echo', with: { value: 20, name: 'a' } },
  b: { kind: 'echo', with: { value: 30, name: 'b' } },
  sum: { kind: 'add', with: { values: [out('a'), out('b')], name: 'sum' } },
  folder: { kind: 'folder', with: { names: ['one', 'two'], name: 'folder' } },
};

describe('what the caller is going to read', () => {
  it('is computed again in the same run where it is damaged, with all damaged inputs of it, and nothing else', async () => {
    const graph = graphOf(steps);
    const first = await rig().run(graph);
    for (const task of ['a', 'b', 'sum', 'folder']) damage(first.records.get(task));
    const healed = await rig().run(graph, exports('sum', 'folder'));
    expect(healed.status).toBe('succeeded');
    expect(healed.ran).toEqual(['a', 'b', 'folder', 'sum']);
    expect(healed.counts).toEqual({ cached: 0, ran: 4, failed: 0, skipped: 0 });
    expect(healed.value('sum')).toBe(50);
    expect(endings(healed, 'sum')).toEqual(['task.cached', 'task.started', 'task.progress', 'task.finished']);
    expect(healed.all.at(-1)!.event).toBe('run.finished');
    const folder = healed.records.get('folder')!.outputs.out!;
    await rig().store.artifacts.export(folder, rig().path('folder'));
    expect(readFileSync(rig().path('folder/two'), 'utf8')).toBe('two');
    expect((await rig().store.care.verify()).ok).toBe(true);
    expect((await rig().run(graph, exports('sum', 'folder'))).ran).toEqual([]);
  });

  it('is left alone where nobody will read it', async () => {
    const graph = graphOf(steps);
    damage((await rig().run(graph)).records.get('a'));
    expect((await rig().run(graph, exports('sum'))).ran).toEqual([]);
  });

  it('has no record where it cannot be made again', async () => {
    const graph = graphOf({
      a: { kind: 'fail', with: { name: 'x', until: 0 } },
      b: { kind: 'echo', with: { value: 2 } },
    });
    damage((await rig().run(graph)).records.get('a'));
    const stop = new AbortController();
    stop.abort();
    const stopped = await rig().run(graph, { ...exports('a', 'b'), signal: stop.signal });
    expect(stopped.status).toBe('interrupted');
    expect([...stopped.records.keys()]).toEqual(['b']);
  });
});

describe('damage that only the reading shows', () => {
  it('in several inputs of a task is healed in one run', async () => {
    const graph = graphOf(steps);
    const first = await rig().run(graph);
    damage(first.records.get('a'));
    damage(first.records.get('b'));
    const other = graphOf({ ...steps, twice: { kind: 'add', with: { values: [out('a'), out('b')], plus: 1 } } });
    const healed = await rig().run(other);
    expect(healed.status).toBe('succeeded');
    expect(healed.ran).toEqual(['a', 'b', 'twice']);
    expect(healed.value('twice')).toBe(51);
  });

  it('in all parts of a divided task, its inputs and its joined result is healed in one run', async () => {
    const graph = graphOf({
      count: { kind: 'count', with: { rows: file(rig().write('rows.txt', 'a\nbb\nccc\ndddd\neeeee'), ['table']) } },
      add: { kind: 'add', with: { values: [out('count')], plus: 1 } },
    });
    const first = await rig().run(graph);
    const count = first.records.get('count')!;
    for (const key of count.notes!.shards as `sha256:${string}`[]) damage(await rig().store.results.get(key));
    damage(count);
    damage(first.records.get('add'));
    const healed = await rig().run(graph, exports('add', 'count'));
    expect(healed.status).toBe('succeeded');
    expect([healed.value('count'), healed.value('add')]).toEqual([15, 16]);
    expect((await rig().store.care.verify()).ok).toBe(true);
  });

  it('is healed by a step that is run anew although its stored content seems to be there', async () => {
    const graph = graphOf(steps);
    damage((await rig().run(graph)).records.get('a'));
    const fresh = await rig().run(graph, { refresh: ['a'] });
    expect(fresh.ran).toEqual(['a']);
    expect(fresh.value('a')).toBe(20);
    expect(existsSync(rig().store.blobs.path(fresh.records.get('a')!.outputs.out!.digest))).toBe(true);
  });
});
