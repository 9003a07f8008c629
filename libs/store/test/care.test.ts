import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkedText } from '../src/disk/checked.ts';
import { digestOf, openStore, type ResultRecord, repairMarker, type Store } from '../src/index.ts';
import { child, listing, newStore, open, publishText, recordOf, temporaryFolder } from './helpers.ts';

/** Nothing is spared for being young. */
const NOW = { graceSeconds: -1 };

async function keysIn(store: Store): Promise<string[]> {
  const names: string[] = [];
  for await (const record of store.results.all()) names.push(String(record.fingerprint.name));
  return names.sort();
}

function recordPath(store: Store, { key }: ResultRecord): string {
  return join(store.dir, 'results', key.slice(7, 9), `${key.slice(7)}.json`);
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
    const report = await store.care.verify({
      onProgress: ({ phase, done, total }) => seen.push(`${phase} ${done}/${total}`),
    });
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

  it('leaves on record which results it set aside, and why, until they are there again', async () => {
    const store = await newStore();
    const cut = await publishText(store, 'cut', 'cut text');
    const lost = await publishText(store, 'lost', 'lost text');
    await writeFile(recordPath(store, cut), '{"check":');
    await rm(store.blobs.path(lost.outputs.text!.digest), { force: true });
    await store.care.verify();
    const reader = await open(store.dir, { readOnly: true });
    for (const one of [store, reader]) {
      expect(await one.results.find(cut.key)).toMatchObject({ presence: 'damaged', outputs: [] });
      expect(await one.results.find(lost.key)).toEqual({
        presence: 'damaged',
        problem: 'content is missing or damaged: text',
        outputs: ['text'],
      });
    }
    await publishText(store, 'cut', 'cut text');
    expect(await store.results.find(cut.key)).toEqual({ presence: 'here', record: cut });
    await rm(recordPath(store, cut));
    expect(await store.results.find(cut.key)).toEqual({ presence: 'missing' });
  });

  it('names what only a person can mend: pins and runs that cannot be read', async () => {
    const store = await newStore();
    await runOver(store, []);
    const [run] = await store.runs.list();
    await writeFile(join(store.dir, 'runs', run!.id, 'run.json'), '');
    await writeFile(join(store.dir, 'pins.json'), '');
    for (const repair of [false, true]) {
      const { ok, problems } = await store.care.verify({ repair });
      expect(ok).toBe(false);
      expect(problems.map(({ kind }) => kind)).toEqual(['pins', 'run']);
    }
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

describe('repair', () => {
  it.each(['', '{"so', undefined])('writes a marker that reads %j anew, and all is there again', async (text) => {
    const store = await newStore();
    const record = await publishText(store, 'a', 'text');
    const marker = join(store.dir, 'store.json');
    if (text === undefined) await rm(marker);
    else await writeFile(marker, text);
    await expect(openStore(store.dir)).rejects.toMatchObject({ hint: expect.stringContaining('verify --repair') });
    expect(await repairMarker(store.dir)).toBe(true);
    expect(await repairMarker(store.dir)).toBe(false);
    const again = await open(store.dir);
    expect(await again.results.get(record.key)).toEqual(record);
    expect((await again.care.verify()).ok).toBe(true);
  });

  it('makes no store of a folder with other things, and none where there is none', async () => {
    const home = await temporaryFolder();
    for (const name of ['blobs', 'results', 'thesis']) await mkdir(join(home, name));
    await expect(repairMarker(home)).rejects.toMatchObject({ message: expect.stringContaining('holds thesis') });
    const none = join(home, 'none');
    expect(await repairMarker(none)).toBe(false);
    expect(await (await open(none)).care.verify({ repair: true })).toMatchObject({ ok: true, blobs: 0 });
    expect(await readdir(home)).toEqual(['blobs', 'results', 'thesis']);
  });

  it('makes lost parts of a tree again from its folder and its record', async () => {
    const store = await newStore();
    const folder = await temporaryFolder();
    for (const name of ['a', 'b']) await writeFile(join(folder, name), `text of ${name}`);
    const tree = await store.artifacts.put('model', folder);
    const record = recordOf({ kind: 'k' }, { tree });
    await store.results.put(record);
    await store.artifacts.open(tree);
    for (const digest of [tree.digest, tree.files!.a!.digest]) await rm(store.blobs.path(digest));
    const report = await store.care.verify({ repair: true });
    expect(report).toMatchObject({ ok: true, problems: [{ kind: 'blob' }, { kind: 'blob' }] });
    expect(await readFile(await store.blobs.open(tree.files!.a!.digest), 'utf8')).toBe('text of a');
    expect(await store.results.find(record.key)).toEqual({ presence: 'here', record });
    expect(await store.care.verify()).toMatchObject({ ok: true, problems: [] });
  });

  it('brings back a result that was set aside for want of content which is there again', async () => {
    const store = await newStore();
    const record = await publishText(store, 'a', 'text');
    const blob = store.blobs.path(record.outputs.text!.digest);
    await rename(blob, join(store.dir, '..', 'away'));
    expect((await store.care.verify()).ok).toBe(false);
    expect((await store.care.verify({ repair: true })).problems).toEqual([]);
    expect((await store.results.find(record.key)).presence).toBe('damaged');
    await rename(join(store.dir, '..', 'away'), blob);
    expect((await store.care.verify({ repair: true })).problems).toMatchObject([
      { kind: 'result', repaired: expect.any(String) },
    ]);
    expect(await store.results.find(record.key)).toEqual({ presence: 'here', record });
    expect(await store.results.nearest('test/text')).toEqual([record]);
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

  it('says for whom it waits: a process of another host of which only silence can tell', async () => {
    const store = await newStore();
    await publishText(store, 'a', 'a');
    const about = {
      id: 'fedcba98765432100123',
      host: 'elsewhere',
      place: 'x',
      pid: 7,
      start: '1',
      beatSeconds: 0.0625,
      since: 0,
    };
    await writeFile(join(store.dir, 'leases', 'holders', `${about.id}.json`), JSON.stringify(about));
    const waits: unknown[] = [];
    await store.care.gc({ ...NOW, onWait: (process) => waits.push(process) });
    expect(waits).toEqual([{ host: 'elsewhere', pid: 7, seconds: 0.75 }]);
  });

  it('waits for nobody who has ended, store closed or not', async () => {
    const store = await newStore();
    const other = await child(['leave', store.dir]);
    expect(await other.line()).toBe('done');
    expect(await other.ended).toBe(0);
    for (const folder of ['tmp', 'leases/holders']) expect(await readdir(join(store.dir, folder))).toEqual([]);
    expect(await readdir(join(store.dir, 'leases'))).toEqual(['holders']);
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
