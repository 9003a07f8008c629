import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BlobDamaged, digestOf, type Key, type ResultRecord } from '../src/index.ts';
import { newStore, open, publishText, recordOf } from './helpers.ts';

function pathOf(dir: string, key: Key): string {
  return join(dir, 'results', key.slice(7, 9), `${key.slice(7)}.json`);
}

describe('results', () => {
  it('come back as they were put, in another process too', async () => {
    const store = await newStore();
    const text = { type: 'json', ...(await store.blobs.putText('{}')) };
    const record = { ...recordOf({ kind: 'a/b', x: [1, { y: null }] }, { text }), notes: { device: 'cpu' } };
    await store.results.put(record);
    expect(await store.results.get(record.key)).toEqual(record);
    expect(await (await open(store.dir, { readOnly: true })).results.get(record.key)).toEqual(record);
    expect(await store.results.get(digestOf('other'))).toBeUndefined();
  });

  it('can be read by a stranger: one JSON line with the digest of the record in it', async () => {
    const store = await newStore();
    const record = await publishText(store, 'a', 'b');
    const text = await readFile(pathOf(store.dir, record.key), 'utf8');
    const parsed = JSON.parse(text) as { check: string; record: ResultRecord };
    expect(parsed.record).toEqual(record);
    expect(digestOf(text.slice(text.indexOf('"record":') + 9, -2))).toBe(parsed.check);
  });

  it('need their blobs, and a key that is theirs', async () => {
    const store = await newStore();
    const absent = { type: 'json', digest: digestOf('absent'), size: 6 };
    await expect(store.results.put(recordOf({ kind: 'k' }, { absent }))).rejects.toThrow(BlobDamaged);
    await expect(store.results.put({ ...recordOf({ kind: 'k' }), key: digestOf('x') })).rejects.toThrow(
      'is not the digest',
    );
    expect(await store.results.get(recordOf({ kind: 'k' }).key)).toBeUndefined();
  });

  it('each flipped or missing byte of a record is a miss, and the record is set aside', async () => {
    const store = await newStore();
    const record = await publishText(store, 'flips', 'text');
    const path = pathOf(store.dir, record.key);
    const good = await readFile(path);
    for (let index = 0; index < good.length; index += 3) {
      const bad = Buffer.from(good);
      bad[index]! ^= 1 << (index % 8);
      await writeFile(path, index % 2 === 0 ? bad : good.subarray(0, index));
      expect(await store.results.get(record.key)).toBeUndefined();
    }
    expect((await store.care.status()).quarantined).toBe(Math.ceil(good.length / 3));
    await store.results.put(record);
    expect(await store.results.get(record.key)).toEqual(record);
  });

  it('the record of another key is a miss', async () => {
    const store = await newStore();
    const record = await publishText(store, 'mine', 'text');
    const other = recordOf({ kind: 'test/text', name: 'other' }).key;
    await mkdir(join(pathOf(store.dir, other), '..'), { recursive: true });
    await writeFile(pathOf(store.dir, other), await readFile(pathOf(store.dir, record.key)));
    expect(await store.results.get(other)).toBeUndefined();
    expect(await store.results.get(record.key)).toEqual(record);
  });

  it('a read-only store leaves a damaged record where it is', async () => {
    const store = await newStore();
    const record = await publishText(store, 'a', 'b');
    await writeFile(pathOf(store.dir, record.key), '{');
    const reader = await open(store.dir, { readOnly: true });
    expect(await reader.results.get(record.key)).toBeUndefined();
    expect(await readFile(pathOf(store.dir, record.key), 'utf8')).toBe('{');
  });

  it('are all listed', async () => {
    const store = await newStore();
    const records = [];
    for (const name of ['a', 'b', 'c']) records.push(await publishText(store, name, name));
    const found = [];
    for await (const record of store.results.all()) found.push(record.key);
    expect(found).toEqual(records.map((record) => record.key).sort());
  });
});

describe('nearest results', () => {
  it('are the newest of their kind first', async () => {
    const store = await newStore();
    for (let index = 0; index < 5; index++) await store.results.put(recordOf({ kind: 'text/generate', index }));
    await store.results.put(recordOf({ kind: 'text/score', index: 9 }));
    const names = async () =>
      (await store.results.nearest('text/generate', 3)).map((record) => record.fingerprint.index);
    expect(await names()).toEqual([4, 3, 2]);
    await store.results.put(recordOf({ kind: 'text/generate', index: 1 }));
    expect(await names()).toEqual([1, 4, 3]);
    expect(await store.results.nearest('never/run')).toEqual([]);
  });

  it('survive a cut-off index line and records that are gone; verify makes a lost index anew', async () => {
    const store = await newStore();
    await store.results.put(recordOf({ kind: 'k', index: 0 }));
    const index = join(store.dir, 'index');
    const [file = ''] = await readdir(index);
    await appendFile(join(index, file), '{"key":"sha25');
    await store.results.put(recordOf({ kind: 'k', index: 1 }));
    expect((await store.results.nearest('k')).map((record) => record.fingerprint.index)).toEqual([1, 0]);
    await rm(index, { recursive: true });
    expect(await store.results.nearest('k')).toEqual([]);
    await store.care.verify();
    expect(await store.results.nearest('k')).toHaveLength(2);
  });
});
