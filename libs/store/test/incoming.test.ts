import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf, type Incoming, type Store } from '../src/index.ts';
import { child, newStore, open, temporaryFolder } from './helpers.ts';

const MIB = 1 << 20;
const small = randomBytes(3 * MIB);
/** So large that a thread hashes it. */
const large = Buffer.concat([small, Buffer.alloc(40 * MIB, 'sonde '), small]);
const contents = [
  ['small', small],
  ['large', large],
] as const;

async function begin(store: Store, content: Uint8Array): Promise<Incoming> {
  return (await store.blobs.receive(digestOf(content), { holder: 'test' }))!;
}

async function append(incoming: Incoming, content: Uint8Array): Promise<void> {
  for (let at = 0; at < content.length; at += 100_000) await incoming.append(content.subarray(at, at + 100_000));
}

async function isHere(store: Store, content: Uint8Array): Promise<boolean> {
  return (await store.blobs.presence(digestOf(content), content.length)) === 'here';
}

const arriving = (store: Store) => readdir(join(store.dir, 'incoming'));

describe.each(contents)('%s content that arrives', (_, content) => {
  it('is in its place once it is all there, as it was sent', async () => {
    const store = await newStore();
    const incoming = await begin(store, content);
    await append(incoming, content);
    expect(await isHere(store, content)).toBe(false);
    expect(await incoming.finish()).toBe(true);
    expect((await readFile(await store.blobs.open(digestOf(content)))).equals(content)).toBe(true);
    expect((await stat(store.blobs.path(digestOf(content)))).mode & 0o777).toBe(0o444);
    expect(await arriving(store)).toEqual([]);
    expect(await store.blobs.receive(digestOf(content), { holder: 'test' })).toBeUndefined();
  });

  it('is gone on with where another process left it', async () => {
    const store = await newStore();
    const first = await begin(store, content);
    await append(first, content.subarray(0, content.length - 1_234_567));
    await first.leave();
    const second = await begin(await open(store.dir), content);
    expect(second.size).toBe(content.length - 1_234_567);
    await append(second, content.subarray(second.size));
    expect(await second.finish()).toBe(true);
    expect((await readFile(await store.blobs.open(digestOf(content)))).equals(content)).toBe(true);
  });

  it('is refused where a byte is another, and nothing of it stays', async () => {
    const store = await newStore();
    const other = Buffer.from(content);
    other[other.length - 10]! ^= 1;
    const incoming = await begin(store, content);
    await append(incoming, other);
    expect(await incoming.finish()).toBe(false);
    expect(await isHere(store, content)).toBe(false);
    expect(await arriving(store)).toEqual([]);
    const again = await begin(store, content);
    expect(again.size).toBe(0);
    await append(again, content);
    expect(await again.finish()).toBe(true);
  });

  it('is refused where what was left of it is damaged', async () => {
    const store = await newStore();
    const first = await begin(store, content);
    await append(first, content.subarray(0, content.length - 1000));
    await first.leave();
    const path = join(store.dir, 'incoming', digestOf(content).slice(7));
    const half = await readFile(path);
    half[5]! ^= 1;
    await writeFile(path, half);
    const second = await begin(store, content);
    await append(second, content.subarray(second.size));
    expect(await second.finish()).toBe(false);
    expect(await arriving(store)).toEqual([]);
  });

  it('is begun anew where it is told to', async () => {
    const store = await newStore();
    const incoming = await begin(store, content);
    await append(incoming, Buffer.alloc(content.length));
    await incoming.restart();
    expect(incoming.size).toBe(0);
    await append(incoming, content);
    expect(await incoming.finish()).toBe(true);
  });

  it('is no longer received where another has taken over', async () => {
    const store = await newStore({ heartbeatSeconds: 0.02 });
    const incoming = await begin(store, content);
    await append(incoming, content.subarray(0, content.length - 1000));
    await rm(join(store.dir, 'leases', digestOf(content).slice(7)), { recursive: true });
    await expect(
      (async () => {
        for (;;) await incoming.append(Buffer.alloc(0)).then(() => new Promise(setImmediate));
      })(),
    ).rejects.toThrow('taken over');
    await expect(incoming.finish()).rejects.toThrow('taken over');
    expect(await isHere(store, content)).toBe(false);
  });
});

it('large content that becomes shorter while it arrives is an error, not content', async () => {
  const store = await newStore();
  const incoming = await begin(store, large);
  await append(incoming, large.subarray(0, 20 * MIB));
  await truncate(join(store.dir, 'incoming', digestOf(large).slice(7)), 1000);
  await append(incoming, large.subarray(20 * MIB));
  await expect(incoming.finish()).rejects.toThrow('became shorter');
  expect(await isHere(store, large)).toBe(false);
});

it('kill -9 at any moment leaves what the next goes on with', async () => {
  const { dir } = await newStore();
  const file = join(await temporaryFolder(), 'content');
  await writeFile(file, large);
  const digest = digestOf(large);
  for (const parts of [18, 5, 13]) {
    const receiver = await child(['receive', dir, digest, file, String(parts)]);
    for (let count = 0; count < parts; count++) expect(await receiver.line()).toMatch(/^has /);
    receiver.process.kill('SIGKILL');
    expect(await receiver.ended).toBe('SIGKILL');
  }
  const store = await open(dir);
  expect((await store.care.verify()).problems).toEqual([]);
  const incoming = await begin(store, large);
  // Of 18 MiB the first four are on the disk when the last is taken: so much may be under way.
  expect(incoming.size).toBeGreaterThanOrEqual(4 * MIB);
  expect(incoming.size).toBeLessThanOrEqual(36 * MIB);
  await append(incoming, large.subarray(incoming.size));
  expect(await incoming.finish()).toBe(true);
  expect((await readFile(await store.blobs.open(digest))).equals(large)).toBe(true);
});
