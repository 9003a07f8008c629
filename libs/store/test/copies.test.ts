import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Copy, type CopySource, digestOf, type Store } from '../src/index.ts';
import { child, newStore, open, temporaryFolder } from './helpers.ts';

const MANY = { maxBytes: 1e9, holder: 'a test' };

/** A folder of two files, `size` bytes together. */
async function folderOf(name: string, size = 1000): Promise<CopySource> {
  const folder = await temporaryFolder();
  const texts = { config: name, 'parts/weights': 'w'.repeat(size - name.length) };
  await mkdir(join(folder, 'parts'));
  const files: Record<string, { path: string; digest: ReturnType<typeof digestOf> }> = {};
  for (const [file, text] of Object.entries(texts)) {
    await writeFile(join(folder, file), text);
    files[file] = { path: join(folder, file), digest: digestOf(text) };
  }
  return { digest: digestOf(`folder ${name}`), files };
}

async function copied(store: Store): Promise<number> {
  return (await readdir(join(store.dir, 'copies'))).length;
}

const made = (copy: Copy | undefined): Copy => {
  if (copy === undefined) throw new Error('there was no room');
  return copy;
};

describe('copies', () => {
  it('are made once, by whoever comes first, and have what their source has', async () => {
    const store = await newStore();
    const others = await Promise.all([open(store.dir), open(store.dir)]);
    const source = await folderOf('one');
    const copies = await Promise.all([store, ...others].map(({ copies: each }) => each.lend(source, MANY)));
    expect(copies.map((copy) => made(copy).copied).sort()).toEqual([0, 0, 1000]);
    const { path, isWhole } = made(copies[0]);
    expect(new Set(copies.map((copy) => made(copy).path))).toEqual(new Set([path]));
    expect((await readdir(path, { recursive: true })).sort()).toEqual(['config', 'parts', 'parts/weights']);
    expect(await readFile(join(path, 'config'), 'utf8')).toBe('one');
    expect(await isWhole()).toBe(true);
  });

  it('stay while somebody reads them; then the least recently used goes where room is needed', async () => {
    const store = await newStore();
    const other = await open(store.dir);
    const bounded = { ...MANY, maxBytes: 2500 };
    const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => folderOf(name)));
    const first = made(await store.copies.lend(one!, bounded));
    const second = made(await other.copies.lend(two!, bounded));
    expect(await store.copies.lend(three!, bounded)).toBeUndefined();
    expect(await other.copies.clean(0)).toBe(0);
    await first.release();
    const third = made(await store.copies.lend(three!, bounded));
    expect(await first.isWhole()).toBe(false);
    expect([await second.isWhole(), await third.isWhole()]).toEqual([true, true]);
    expect(await copied(store)).toBe(2);
  });

  it('go when nobody has read them for as long as they are kept', async () => {
    const store = await newStore();
    const copy = made(await store.copies.lend(await folderOf('one'), MANY));
    await copy.release();
    expect(await store.copies.clean(3600)).toBe(0);
    expect(await store.copies.clean(0)).toBe(1000);
    expect(await copied(store)).toBe(0);
  });

  it('of a source that is not what it should be are not kept', async () => {
    const store = await newStore();
    const source = await folderOf('one');
    await writeFile(source.files.config!.path, 'two');
    await expect(store.copies.lend(source, MANY)).rejects.toThrow('is not what its digest says');
    expect(await copied(store)).toBe(0);
    expect(await readdir(join(store.dir, 'leases'))).toEqual(['holders']);
  });

  it('that something has changed are made anew', async () => {
    const store = await newStore();
    const source = await folderOf('one');
    const first = made(await store.copies.lend(source, MANY));
    const file = join(first.path, 'config');
    await chmod(file, 0o644);
    await writeFile(file, 'two');
    expect(await first.isWhole()).toBe(false);
    const other = await open(store.dir);
    const second = made(await other.copies.lend(source, MANY));
    expect(second.copied).toBe(1000);
    expect(await readFile(join(second.path, 'config'), 'utf8')).toBe('one');
  });

  it('take no name that leads out of their folder', async () => {
    const store = await newStore();
    const { digest, files } = await folderOf('one');
    const hostile = { digest, files: { '../config': files.config! } };
    await expect(store.copies.lend(hostile, MANY)).rejects.toThrow('leads out of it');
  });

  it('of a process that was killed are free, and what it had not finished is gone', async () => {
    const store = await newStore();
    const source = await folderOf('one');
    const reader = await child(['lend', store.dir, JSON.stringify(source)]);
    expect(await reader.line()).toBe('lent');
    await store.copies.lend(await folderOf('two'), MANY);
    expect(await store.copies.clean(0)).toBe(0);
    // As if it had been killed before the copy was whole.
    await rm(join(store.dir, 'copies', source.digest.slice(7), 'files'), { recursive: true });
    reader.process.kill('SIGKILL');
    await reader.ended;
    const next = await open(store.dir);
    expect(made(await next.copies.lend(source, MANY)).copied).toBe(1000);
  });
});
