import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyOf, openStore, type ResultRecord, type Store } from '@sonde/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Server } from '../src/http-request.ts';
import { folderRemote, httpRemote, problemsOfCopy, type RemoteEvent, shareStore } from '../src/index.ts';
import { type CacheServer, startCacheServer } from './cache-server.ts';

let folder: string;
let server: CacheServer;
let open: Store[];
let events: RemoteEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-remote-'));
  server = await startCacheServer();
  [open, events] = [[], []];
});
afterEach(async () => {
  for (const store of open) await store.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

interface Options {
  writes?: boolean;
  token?: string;
  secret?: string;
  readOnly?: boolean;
  url?: string;
  /** How long a silent server is waited for: a busy machine is silent, too, now and then. */
  silence?: number;
}

function serverAt(url: string, { token, silence = 30_000 }: Options = {}): Server {
  return {
    origin: new URL(url),
    retryDelay: 1,
    silence,
    credentials: 'Ask for a token.',
    authorize: async () => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

async function shared(name: string, options: Options = {}) {
  const { writes = false, secret, readOnly = false, url } = options;
  const at = serverAt(url ?? server.url, options);
  const store = shareStore(await openStore(join(folder, name), { readOnly }), {
    remotes: [httpRemote(at, writes)],
    secret,
    onEvent: (event) => events.push(event),
  });
  open.push(store);
  return store;
}

const bytes = randomBytes(300_000);

/** A result of a large file and of a folder. */
async function publish(store: Store, name = 'a'): Promise<ResultRecord> {
  const scratch = await store.scratch();
  await writeFile(join(scratch, 'large'), bytes);
  const tree = await mkdtemp(join(scratch, 'tree-'));
  await writeFile(join(tree, 'one.txt'), `one of ${name}`);
  await writeFile(join(tree, 'empty.txt'), '');
  const fingerprint = { kind: 'test', name };
  const record: ResultRecord = {
    key: keyOf(fingerprint),
    fingerprint,
    outputs: {
      large: await store.artifacts.put('file', join(scratch, 'large')),
      tree: await store.artifacts.put('tensors', tree),
    },
    created: '2026-01-02T03:04:05.678Z',
    seconds: 1,
    run: '20260102-030405-abcdef',
  };
  await store.results.put(record);
  return record;
}

async function give(options: Options = {}): Promise<ResultRecord> {
  const store = await shared('giver', { writes: true, ...options });
  const record = await publish(store);
  await (store as Awaited<ReturnType<typeof shared>>).settle();
  return record;
}

const failures = () => events.flatMap((event) => (event.event === 'failed' ? [event.message] : []));
const isBlob = ({ method, url }: { method: string; url: string }) => method === 'GET' && url.includes('/cas/');

describe('a result of another store', () => {
  it('is found by its key, brought when it is read, and then the store’s own', async () => {
    const record = await give();
    const taker = await shared('taker');
    const found = await taker.results.find(record.key);
    expect(found).toMatchObject({ presence: 'here', record: { key: record.key, outputs: record.outputs } });
    expect(await taker.artifacts.presence(record.outputs.large!)).toBe('elsewhere');
    expect(server.seen.some(isBlob)).toBe(false);
    expect(await readFile(await taker.artifacts.open(record.outputs.large!))).toEqual(bytes);
    const tree = await taker.artifacts.open(record.outputs.tree!);
    expect((await readdir(tree)).sort()).toEqual(['empty.txt', 'one.txt']);
    const alone = await openStore(join(folder, 'taker'));
    open.push(alone);
    expect(await alone.results.get(record.key)).toMatchObject({
      outputs: record.outputs,
      notes: { brought_from: expect.any(String) },
    });
    server.seen.length = 0;
    const again = await shared('taker');
    expect((await again.results.find(record.key)).presence).toBe('here');
    await again.artifacts.check(record.outputs.large!);
    expect(server.seen).toEqual([]);
  });

  it('is given once: what is there is not sent again', async () => {
    await give();
    server.seen.length = 0;
    const other = await shared('other', { writes: true });
    await publish(other);
    await other.settle();
    expect(server.seen.filter(({ method }) => method === 'PUT').map(({ url }) => url)).toEqual([
      expect.stringContaining('/ac/'),
    ]);
    expect(failures()).toEqual([]);
  });

  it('whose content is lost here meanwhile is not given: one warning, and all else goes on', async () => {
    const record = await give();
    server.kept.clear();
    const again = await shared('giver', { writes: true });
    await rm(again.blobs.path(record.outputs.large!.digest), { force: true });
    again.give(record);
    await again.settle();
    expect(failures()).toEqual([expect.stringContaining('no content for')]);
    expect([...server.kept.keys()].filter((url) => url.includes('/ac/'))).toEqual([]);
  });

  it('is not given to a remote that is only read, and a plan brings nothing', async () => {
    const reader = await shared('reader');
    await publish(reader);
    await reader.settle();
    expect(server.kept.size).toBe(0);
    const record = await give();
    const planner = await shared('planner', { readOnly: true });
    expect((await planner.results.find(record.key)).presence).toBe('here');
    expect(await planner.artifacts.presence(record.outputs.tree!)).toBe('elsewhere');
    expect(server.seen.some(isBlob)).toBe(false);
  });

  it('that a plan has found is brought whole, and nothing is asked for twice', async () => {
    const record = await give();
    const planner = await shared('planner', { readOnly: true });
    const found = (await planner.results.get(record.key))!;
    const taker = await shared('taker');
    expect(await taker.bringResult(found)).toEqual([]);
    const gets = server.seen.filter(({ method }) => method === 'GET').map(({ url }) => url);
    expect(gets).toEqual([...new Set(gets)]);
    const alone = await openStore(join(folder, 'taker'));
    open.push(alone);
    expect(await alone.results.find(record.key)).toMatchObject({ presence: 'here' });
  });

  it('of which an output is gone there is named by it', async () => {
    const record = await give();
    const large = record.outputs.large!.digest.slice('sha256:'.length);
    server.kept.delete([...server.kept.keys()].find((url) => url.endsWith(large))!);
    const taker = await shared('taker');
    expect(await taker.bringResult((await taker.results.get(record.key))!)).toEqual(['large']);
  });

  it('lies in a folder as well, which any program can copy', async () => {
    const place = join(folder, 'shared');
    const of = async (name: string, writes: boolean) => {
      const store = shareStore(await openStore(join(folder, name)), { remotes: [folderRemote(place, writes)] });
      open.push(store);
      return store;
    };
    const giver = await of('a', true);
    const record = await publish(giver);
    await giver.settle();
    const taker = await of('b', false);
    expect((await taker.results.find(record.key)).presence).toBe('here');
    expect(await readFile(await taker.artifacts.open(record.outputs.large!))).toEqual(bytes);
  });

  it('goes on where a connection was cut', async () => {
    const record = await give();
    let cuts = 3;
    server.faults.push(({ method, url, range }, response) => {
      const content = server.kept.get(url);
      if (method !== 'GET' || content?.length !== bytes.length || cuts-- <= 0) return false;
      const from = Number(/\d+/.exec(range ?? '0')![0]);
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': bytes.length - from,
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      });
      response.write(bytes.subarray(from, from + 70_000), () => setImmediate(() => response.destroy()));
      return true;
    });
    const taker = await shared('taker');
    await taker.results.find(record.key);
    expect(await readFile(await taker.artifacts.open(record.outputs.large!))).toEqual(bytes);
    expect(failures()).toEqual([]);
  });

  it('of many large contents at once is brought with the bytes of each', async () => {
    const giver = await shared('giver', { writes: true });
    const scratch = await giver.scratch();
    const outputs: Record<string, ResultRecord['outputs'][string]> = {};
    for (let i = 0; i < 6; i++) {
      await writeFile(join(scratch, `${i}`), Buffer.concat([bytes, Buffer.alloc(8_000_000, `content ${i}`)]));
      outputs[`output_${i}`] = await giver.artifacts.put('file', join(scratch, `${i}`));
    }
    const fingerprint = { kind: 'test', name: 'many' };
    const record = { fingerprint, outputs, created: '2026-01-02T03:04:05.678Z', seconds: 1, run: 'none' };
    await giver.results.put({ ...record, key: keyOf(fingerprint) });
    await giver.settle();
    const taker = await shared('taker');
    expect(await taker.bringResult((await taker.results.get(keyOf(fingerprint)))!)).toEqual([]);
    const alone = await openStore(join(folder, 'taker'), { readOnly: true });
    for (const artifact of Object.values(outputs)) await alone.artifacts.check(artifact);
    expect(failures()).toEqual([]);
  });

  it('is brought once, and told once, however many read it', async () => {
    const record = await give();
    const taker = await shared('taker');
    const { outputs } = (await taker.results.get(record.key))!;
    events.length = 0;
    await Promise.all(Array.from({ length: 4 }, () => taker.artifacts.open(outputs.large!)));
    expect(events.filter(({ event }) => event === 'fetched')).toMatchObject([{ bytes: bytes.length }]);
  });

  it('that is cut off there is not taken, and that is said', async () => {
    const record = await give();
    const large = record.outputs.large!.digest.slice('sha256:'.length);
    const url = [...server.kept.keys()].find((one) => one.endsWith(large))!;
    server.kept.set(url, bytes.subarray(0, 1000));
    server.faults.push((asked, response) => asked.range === 'bytes=1000-' && !!response.writeHead(416).end());
    const taker = await shared('taker');
    expect(await taker.bringResult((await taker.results.get(record.key))!)).toEqual(['large']);
    expect(failures()).toEqual([expect.stringContaining(`has only a part of cas/${large}`)]);
  });

  it('carries the token, and says what to do where it is refused', async () => {
    const record = await give({ token: 'secret-token' });
    expect(server.seen.every(({ authorization }) => authorization === 'Bearer secret-token')).toBe(true);
    server.faults.push((_, response) => !!response.writeHead(401).end());
    const taker = await shared('taker');
    expect(await taker.results.find(record.key)).toEqual({ presence: 'missing' });
    expect(failures()).toEqual([expect.stringContaining('does not give results (401)')]);
    expect(JSON.stringify(events)).not.toContain('secret-token');
  });
});

describe('a server that lies or fails', () => {
  const lies: [string, (record: ResultRecord) => void][] = [
    ['gives other bytes', () => replaceContents((content) => Buffer.from(content.map((byte) => byte ^ 1)))],
    ['gives fewer bytes', () => replaceContents((content) => content.subarray(0, content.length / 2))],
    ['gives more bytes', () => replaceContents((content) => Buffer.concat([content, content]))],
    ['has lost the content', () => replaceContents(() => undefined)],
    [
      'sends without end',
      () =>
        server.faults.push((asked, response) => {
          if (!isBlob(asked)) return false;
          const more = () => {
            while (response.write(bytes));
            response.once('drain', more);
          };
          more();
          return true;
        }),
    ],
    [
      'is silent in the middle',
      () =>
        server.faults.push((asked, response) => {
          if (!isBlob(asked)) return false;
          response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1000));
          return true;
        }),
    ],
    [
      'lets a byte fall now and then',
      () =>
        server.faults.push((asked, response) => {
          if (!isBlob(asked)) return false;
          response.writeHead(200, { 'content-length': bytes.length });
          every(20, response, () => response.write('x'));
          return true;
        }),
    ],
    [
      'says that it is at it, and does not answer',
      () =>
        server.faults.push((asked, response) => {
          if (!isBlob(asked)) return false;
          every(20, response, () => response.writeProcessing());
          return true;
        }),
    ],
    [
      'gives a byte a connection',
      () =>
        server.faults.push((asked, response) => {
          if (!isBlob(asked)) return false;
          const from = Number(/\d+/.exec(asked.range ?? '0')![0]);
          const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
          response.writeHead(from === 0 ? 200 : 206, { 'content-length': bytes.length - from, 'content-range': range });
          response.write(bytes.subarray(from, from + 1), () => setImmediate(() => response.destroy()));
          return true;
        }),
    ],
  ];
  function every(milliseconds: number, response: ServerResponse, work: () => void): void {
    const timer = setInterval(work, milliseconds);
    response.once('close', () => clearInterval(timer));
  }
  function replaceContents(change: (content: Buffer) => Buffer | undefined): void {
    for (const [url, content] of server.kept) {
      if (!url.includes('/cas/')) continue;
      const changed = change(content);
      if (changed === undefined) server.kept.delete(url);
      else server.kept.set(url, changed);
    }
  }
  it.each(lies)('and %s: the content counts as missing, and nothing of it stays', async (_, lie) => {
    const record = await give();
    lie(record);
    const taker = await shared('taker', { silence: 500 });
    await taker.results.find(record.key);
    await expect(taker.artifacts.open(record.outputs.large!)).rejects.toThrow('has no content');
    expect(await taker.artifacts.presence(record.outputs.large!)).toBe('missing');
    expect(await (await openStore(join(folder, 'taker'), { readOnly: true })).results.get(record.key)).toBeUndefined();
    await publish(taker);
    expect(await readFile(await taker.artifacts.open(record.outputs.large!))).toEqual(bytes);
  });

  it('and sends without end is not heard out by who checks what it has', async () => {
    const record = await give();
    lies.find(([name]) => name === 'sends without end')![1](record);
    const remote = httpRemote(serverAt(server.url), false);
    const digest = record.outputs.large!.digest;
    expect(await problemsOfCopy(remote, record.key, {})).toContainEqual({
      digest,
      problem: `${digest} has more than its ${bytes.length} bytes`,
    });
  });

  const entries: [string, (entry: Buffer, other: Buffer) => Buffer][] = [
    ['another key’s entry', (_, other) => other],
    ['half an entry', (entry) => entry.subarray(0, entry.length / 2)],
    [
      'a changed entry',
      (entry) => Buffer.from(entry.toString('latin1').replace('"seconds":1', '"seconds":2'), 'latin1'),
    ],
    ['a page', () => Buffer.from('<html>It works!</html>')],
    ['nothing', () => Buffer.alloc(0)],
    ['a flood', () => Buffer.alloc(20 * 1024 * 1024, 0x2a)],
    ['lengths beyond its end', () => Buffer.from([0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
  ];
  it.each(entries)('and gives %s: that is no result', async (_, change) => {
    const record = await give();
    const giver = await shared('second', { writes: true });
    const other = await publish(giver, 'b');
    await giver.settle();
    const url = (key: string) => `/cache/ac/${key.slice(7)}`;
    server.kept.set(url(record.key), change(server.kept.get(url(record.key))!, server.kept.get(url(other.key))!));
    const taker = await shared('taker');
    expect(await taker.results.find(record.key)).toEqual({ presence: 'missing' });
    expect(failures()).toHaveLength(1);
  });

  it('and sends elsewhere is not followed', async () => {
    const record = await give({ token: 'secret-token' });
    const elsewhere = await startCacheServer();
    for (const [url, content] of server.kept) elsewhere.kept.set(url, content);
    server.faults.push(({ url }, response) => {
      response.writeHead(302, { location: `${new URL(elsewhere.url).origin}${url}` }).end();
      return true;
    });
    const taker = await shared('taker', { token: 'secret-token' });
    expect(await taker.results.find(record.key)).toEqual({ presence: 'missing' });
    expect(elsewhere.seen).toEqual([]);
    await elsewhere.close();
  });

  it('and is away, or busy: one warning, and the store works as without it', async () => {
    const record = await give();
    let asked = 0;
    server.faults.push((_, response) => {
      asked++;
      response.writeHead(503).end();
      return true;
    });
    const taker = await shared('taker', { writes: true });
    expect(await taker.results.find(record.key)).toEqual({ presence: 'missing' });
    expect(await taker.results.find(keyOf({ kind: 'x' }))).toEqual({ presence: 'missing' });
    expect(asked).toBe(4);
    await publish(taker, 'c');
    await taker.settle();
    expect(failures()).toHaveLength(1);
    const gone = await shared('gone', { url: 'http://127.0.0.1:1/cache' });
    expect(await gone.results.find(record.key)).toEqual({ presence: 'missing' });
  });

  it('and does not know the secret is not believed', async () => {
    const record = await give({ secret: 'of our group' });
    const knows = await shared('knows', { secret: 'of our group' });
    expect((await knows.results.find(record.key)).presence).toBe('here');
    const other = await shared('other', { secret: 'of another' });
    expect(await other.results.find(record.key)).toEqual({ presence: 'missing' });
    expect(failures()).toEqual([expect.stringContaining('another secret')]);
    const open = await shared('open');
    expect((await open.results.find(record.key)).presence).toBe('here');
  });
});
