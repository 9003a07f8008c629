import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkedText } from '../src/disk/checked.ts';
import { digestOf, type Store } from '../src/index.ts';
import { child, listing, newStore, open, publishText, recordOf, temporaryFolder } from './helpers.ts';

/** Nothing is spared for being young. */
const NOW = { graceSeconds: -1 };

async function keysIn(store: Store): Promise<string[]> {
  const names: string[] = [];
  for await (const record of store.results.all()) names.push(String(record.fingerprint.name));
  return names.sort();
}

async function runOver(store: Store, keys: readonly string[]): Promise<void> {
  const log = await store.runs.create({ pipeline: 'p', file: 'p', digest: digestOf(''), params: {}, plan: {} });
  for (const key of keys) log.append({ event: 'task.cached', key });
  await log.finish({ status: 'succeeded', counts: {}, seconds: 0 });
}

describe('verify', () => {
  it('finds and sets aside what is bad, after which the store is whole', async () => {
    const store = await newStore();
    const good = await publishText(store, 'good', 'good text');
    const bad = await publishText(store, 'bad', 'bad text');
    const blob = store.blobs.path(bad.outputs.text!.digest);
    await chmod(blob, 0o644);
    await writeFile(blob, 'bad texT');
    await writeFile(join(store.dir, 'blobs', 'stray'), '');
    const seen: string[] = [];
    const report = await store.care.verify((progress) =>
      seen.push(`${progress.phase} ${progress.done}/${progress.total}`),
    );
    expect(report.ok).toBe(false);
    expect(report.problems.map((problem) => problem.kind).sort()).toEqual(['blob', 'result', 'stray']);
    expect(report.problems.every((problem) => problem.quarantined !== undefined)).toBe(true);
    expect(seen).toContain('blobs 3/3');
    expect(seen).toContain('results 2/2');
    expect(await store.care.verify()).toMatchObject({ ok: true, blobs: 1, results: 1 });
    expect(await store.results.get(bad.key)).toBeUndefined();
    expect(await store.results.get(good.key)).toEqual(good);
    expect((await store.care.status()).quarantined).toBe(3);
  });

  it('in a read-only store reports and changes nothing', async () => {
    const writer = await newStore();
    const record = await publishText(writer, 'bad', 'bad text');
    await chmod(writer.blobs.path(record.outputs.text!.digest), 0o644);
    await writeFile(writer.blobs.path(record.outputs.text!.digest), 'bad tex');
    await writer.close();
    const before = await listing(writer.dir);
    const report = await (await open(writer.dir, { readOnly: true })).care.verify();
    expect(report.problems.map((problem) => problem.kind)).toEqual(['blob', 'result']);
    expect(await listing(writer.dir)).toEqual(before);
  });

  it('finds a record that was forged whole, its check too', async () => {
    const store = await newStore();
    const record = recordOf({ kind: 'k', top_p: 0.9 });
    await store.results.put(record);
    const path = join(store.dir, 'results', record.key.slice(7, 9), `${record.key.slice(7)}.json`);
    await writeFile(path, checkedText({ ...record, fingerprint: { kind: 'k', top_p: 0.8 }, outputs: {} }));
    const report = await store.care.verify();
    expect(report.problems).toMatchObject([{ kind: 'result', problem: 'its fingerprint is not that of its key' }]);
    expect(await store.results.get(record.key)).toBeUndefined();
  });
});

describe('garbage collection', () => {
  it('keeps what the last runs and pins use, with their shared blobs, and removes the rest', async () => {
    const store = await newStore();
    const old = await publishText(store, 'old', 'old text');
    const shared = await publishText(store, 'shared', 'shared text');
    await publishText(store, 'also shared', 'shared text');
    const pin = await publishText(store, 'pinned', 'pinned text');
    const blob = await store.blobs.putText('a pinned blob');
    await store.blobs.putText('an orphan');
    await runOver(store, [old.key]);
    await runOver(store, [shared.key]);
    await store.care.pin('paper', [pin.key, blob.digest]);
    const options = { keepRuns: 1, ...NOW };
    const dry = await store.care.gc({ ...options, dryRun: true });
    expect(await keysIn(store)).toEqual(['also shared', 'old', 'pinned', 'shared']);
    const report = await store.care.gc(options);
    expect(report).toEqual({ ...dry, dryRun: false });
    expect(report).toMatchObject({ results: 2, blobs: 2, kept: { results: 2, blobs: 3 } });
    expect(report.bytes).toBe('old text'.length + 'an orphan'.length);
    expect(await keysIn(store)).toEqual(['pinned', 'shared']);
    expect(await store.blobs.presence(blob.digest, blob.size)).toBe('here');
    expect((await store.care.verify()).ok).toBe(true);
  });

  it('a dry run in a store opened for reading writes nothing', async () => {
    const writer = await newStore();
    await publishText(writer, 'a', 'a');
    await writer.close();
    const before = await listing(writer.dir);
    const report = await (await open(writer.dir, { readOnly: true })).care.gc({ dryRun: true, ...NOW });
    expect(report).toMatchObject({ results: 1, blobs: 1, bytes: 1 });
    expect(await listing(writer.dir)).toEqual(before);
  });

  it('spares what is young', async () => {
    const store = await newStore();
    await publishText(store, 'a', 'a');
    expect(await store.care.gc()).toMatchObject({ results: 0, blobs: 0, kept: { results: 1 } });
    expect(await store.care.gc({ olderThanDays: 1, ...NOW })).toMatchObject({ results: 0, blobs: 0 });
    expect(await store.care.gc(NOW)).toMatchObject({ results: 1, blobs: 1 });
  });

  it('says how much stays for being young alone', async () => {
    const store = await newStore();
    const used = await publishText(store, 'used', 'shared text');
    await publishText(store, 'young', 'young text');
    await publishText(store, 'also young', 'shared text');
    await store.blobs.putText('an orphan');
    await runOver(store, [used.key]);
    const recent = { results: 2, blobs: 2, bytes: 'young text'.length + 'an orphan'.length };
    expect(await store.care.gc()).toMatchObject({
      results: 0,
      blobs: 0,
      kept: { results: 3 },
      recent,
      graceSeconds: 3600,
    });
    expect(await store.care.gc({ dryRun: true })).toMatchObject({ recent });
    const none = { results: 0, blobs: 0, bytes: 0 };
    expect(await store.care.gc(NOW)).toMatchObject({ results: 2, blobs: 2, recent: none });
  });

  it('spares everything that was written since another living process began', async () => {
    const store = await newStore();
    const worker = await child(['hold', store.dir, 'x']);
    expect(await worker.line()).toBe('held');
    await publishText(store, 'a', 'a');
    expect(await store.care.gc(NOW)).toMatchObject({ results: 0, blobs: 0 });
    worker.process.kill('SIGKILL');
    await worker.ended;
    expect(await store.care.gc(NOW)).toMatchObject({ results: 1, blobs: 1, leftovers: 1 });
    expect(await readdir(join(store.dir, 'leases', 'holders'))).toHaveLength(1);
  });

  it('with a budget removes the least recently used, and no more than needed', async () => {
    const store = await newStore();
    for (const name of ['first', 'second', 'third']) await publishText(store, name, name.padEnd(1000));
    const report = await store.care.gc({ maxBytes: 2500, ...NOW });
    expect(report).toMatchObject({ results: 1, bytes: 1000, kept: { results: 2, bytes: 2000 } });
    expect(await keysIn(store)).toEqual(['second', 'third']);
  });

  it('keeps the files of pinned trees and removes folders of trees that are gone', async () => {
    const store = await newStore();
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub', 'a'), 'a');
    const tree = await store.artifacts.put('model', folder);
    await store.artifacts.open(tree);
    await store.care.pin('tree', [tree.digest]);
    expect(await store.care.gc(NOW)).toMatchObject({ blobs: 0, trees: 0 });
    expect(await store.care.unpin('tree')).toBe(true);
    expect(await store.care.unpin('tree')).toBe(false);
    expect(await store.care.gc(NOW)).toMatchObject({ blobs: 2, trees: 1 });
  });

  it('stops where pins cannot be read, rather than remove what is pinned', async () => {
    const store = await newStore();
    await publishText(store, 'a', 'a');
    await writeFile(join(store.dir, 'pins.json'), '{"pins":');
    await expect(store.care.gc(NOW)).rejects.toMatchObject({ code: 'corrupt' });
    expect(await keysIn(store)).toEqual(['a']);
  });
});

it('pins of two processes at once are both kept', async () => {
  const store = await newStore();
  const other = await open(store.dir);
  await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      (index % 2 ? store : other).care.pin(`pin ${index}`, [digestOf(`${index}`)]),
    ),
  );
  expect(await store.care.pins()).toHaveLength(10);
  expect((await stat(join(store.dir, 'pins.json'))).size).toBeGreaterThan(0);
});
