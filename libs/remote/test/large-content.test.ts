import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, openStore, type Store } from '@sonde/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fetchContent } from '../src/fetch.ts';
import { httpRemote } from '../src/http-remote.ts';
import type { Remote } from '../src/remote.ts';
import { type CacheServer, type Seen, startCacheServer } from './cache-server.ts';

/** So large that it is received past the parser, into memory that goes to the disk as it is. */
const bytes = Buffer.concat([randomBytes(3 << 20), Buffer.alloc(40 << 20, 'sonde '), randomBytes((1 << 20) + 123)]);
const digest = digestOf(bytes);
const url = `/cache/cas/${digest.slice(7)}`;

let folder: string;
let server: CacheServer;
let store: Store;
/** How long a silent server is waited for: a busy machine is silent, too, now and then. */
let silence: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-large-'));
  server = await startCacheServer();
  server.kept.set(url, bytes);
  silence = 30_000;
  store = await openStore(join(folder, 'store'));
});
afterEach(async () => {
  await store.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

function remote(): Remote {
  const at = { origin: new URL(server.url), retryDelay: 1, silence, credentials: '', authorize: async () => ({}) };
  return httpRemote(at, false);
}

const bring = (signal?: AbortSignal) => fetchContent(remote(), store, digest, bytes.length, { signal });

const firstOf = ({ range }: Seen) => Number(/\d+/.exec(range ?? '0')![0]);
const left = () => readdir(join(store.dir, 'incoming'));

/** Answers as it should, up to where `send` has its way. */
function answerBy(send: (response: ServerResponse, from: number) => void, times = Infinity): void {
  let count = 0;
  server.faults.push((asked, response) => {
    if (count++ >= times) return false;
    const from = firstOf(asked);
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': bytes.length - from,
      'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
    });
    send(response, from);
    return true;
  });
}

async function isHere(): Promise<boolean> {
  return (await readFile(await store.blobs.open(digest))).equals(bytes);
}

it('large content comes as it is', async () => {
  expect(await bring()).toBe(true);
  expect(await isHere()).toBe(true);
  expect(await left()).toEqual([]);
});

it('large content is gone on with where its connection was cut', async () => {
  answerBy((response, from) => {
    response.write(bytes.subarray(from, from + 5_000_001), () => setImmediate(() => response.destroy()));
  }, 4);
  expect(await bring()).toBe(true);
  expect(await isHere()).toBe(true);
  expect(
    server.seen
      .map(firstOf)
      .slice(1)
      .every((from) => from > 0),
  ).toBe(true);
});

it('the last bytes of large content come by a connection that serves on', async () => {
  answerBy((response) => {
    response.write(bytes.subarray(0, -1000), () => setImmediate(() => response.destroy()));
  }, 1);
  expect(await bring()).toBe(true);
  expect(server.seen.map(firstOf)).toEqual([0, bytes.length - 1000]);
  expect(await remote().hasContent(digest)).toBe(true);
  expect(await isHere()).toBe(true);
});

it('large content is begun anew where the server knows no ranges', async () => {
  answerBy((response) => {
    response.write(bytes.subarray(0, 9_000_001), () => setImmediate(() => response.destroy()));
  }, 1);
  server.faults.push((_, response) => !!response.writeHead(200, { 'content-length': bytes.length }).end(bytes));
  expect(await bring()).toBe(true);
  expect(await isHere()).toBe(true);
});

it('of large content no more is taken than is said to come', async () => {
  answerBy((response) => {
    response.flushHeaders();
    response.socket!.write(bytes);
    response.socket!.write(bytes.subarray(0, 1_000_000));
  });
  expect(await bring()).toBe(true);
  expect(await isHere()).toBe(true);
});

it('large content with another byte is refused, and nothing of it stays', async () => {
  const other = Buffer.from(bytes);
  other[other.length - 1]! ^= 1;
  server.kept.set(url, other);
  await expect(bring()).rejects.toMatchObject({ problem: 'wrong' });
  expect(await left()).toEqual([]);
});

it('large content that ends too soon, or stands still, is an error; what has come stays', async () => {
  silence = 500;
  const half = 20_000_001;
  server.kept.set(url, bytes.subarray(0, half));
  await expect(bring()).rejects.toMatchObject({ problem: 'unreachable' });
  answerBy((response, from) => response.write(bytes.subarray(from, from + 10)));
  await expect(bring()).rejects.toMatchObject({ problem: 'unreachable' });
  silence = 30_000;
  server.faults.length = 0;
  server.seen.length = 0;
  server.kept.set(url, bytes);
  expect(await bring()).toBe(true);
  expect(server.seen.map(firstOf)).toEqual([half + 50]);
  expect(await isHere()).toBe(true);
});

it('large content that nobody waits for any more is left where it is', async () => {
  const given = new AbortController();
  answerBy((response) => response.write(bytes.subarray(0, 20 << 20), () => given.abort(new Error('enough'))));
  await expect(bring(given.signal)).rejects.toThrow();
  expect(await left()).toHaveLength(1);
  server.faults.length = 0;
  expect(await bring()).toBe(true);
  expect(await isHere()).toBe(true);
});
