import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, open, readdir, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, openStore, type Store } from '@sonde/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpRemote } from '../src/http-remote.ts';

const MIB = 1 << 20;
const contents = [
  ['empty', Buffer.alloc(0)],
  ['small', randomBytes(123)],
  ['of several parts', randomBytes(2 * MIB + 7)],
  ['so large that a thread hashes it', Buffer.concat([randomBytes(3 * MIB), Buffer.alloc(40 * MIB, 'sonde ')])],
] as const;
const large = contents[3][1];

let folder: string;
let store: Store;
let server: Server;
let connections: number;
/** Requests that were begun, and bodies that came whole. */
let begun: number;
let whole: Buffer[];
/** How long a silent server is waited for: a busy machine is silent, too, now and then. */
let silence: number;
let answer: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-giving-'));
  store = await openStore(join(folder, 'store'));
  [connections, begun, whole, answer, silence] = [0, 0, [], take, 30_000];
  server = createServer((request, response) => {
    begun++;
    void answer(request, response).catch(() => response.destroy());
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  whole.push(Buffer.concat(parts));
  response.writeHead(201).end();
}

async function kept(bytes: Uint8Array): Promise<Digest> {
  const file = join(folder, 'content');
  await writeFile(file, bytes);
  return (await store.artifacts.put('file', file)).digest;
}

function give(digest: Digest, size: number, signal?: AbortSignal): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const origin = new URL(`http://127.0.0.1:${port}/cache`);
  const at = { origin, retryDelay: 1, silence, credentials: 'Ask.', authorize: async () => ({}) };
  return httpRemote(at, true).putContent({ digest, size }, store.blobs, signal);
}

/** Once the first bytes have come, and before the others are taken. */
function atFirst(work: () => Promise<unknown>): void {
  answer = async (request, response) => {
    await new Promise((resolve) => request.once('readable', resolve));
    await work();
    await take(request, response);
  };
}

describe.each(contents)('content that is %s', (_, bytes) => {
  it('is given as it is', async () => {
    await give(await kept(bytes), bytes.length);
    expect(whole).toHaveLength(1);
    expect(whole[0]!.equals(bytes)).toBe(true);
  });

  it('is not given where it has turned into something else', async () => {
    const digest = await kept(bytes);
    await chmod(store.blobs.path(digest), 0o644);
    const other = Buffer.from(bytes.length === 0 ? 'x' : bytes);
    other[other.length - 1]! ^= 1;
    await writeFile(store.blobs.path(digest), other);
    const size = other.length;
    await expect(give(digest, size)).rejects.toMatchObject({ name: 'BlobDamaged', reason: 'damaged' });
    expect(whole).toEqual([]);
    expect(begun).toBeLessThanOrEqual(1);
    expect(await store.blobs.presence(digest)).toBe('missing');
  });
});

describe('large content', () => {
  let digest: Digest;
  beforeEach(async () => {
    digest = await kept(large);
    await chmod(store.blobs.path(digest), 0o644);
  });

  it('that another writes to while it is sent does not come whole', async () => {
    atFirst(async () => {
      const file = await open(store.blobs.path(digest), 'r+');
      await file.write(Buffer.from([1]), 0, 1, large.length - 10);
      await file.close();
    });
    await expect(give(digest, large.length)).rejects.toMatchObject({ name: 'BlobDamaged' });
    expect([begun, whole]).toEqual([1, []]);
  });

  it('that becomes shorter while it is sent does not come whole', async () => {
    atFirst(() => truncate(store.blobs.path(digest), 30 * MIB));
    await expect(give(digest, large.length)).rejects.toMatchObject({ name: 'BlobDamaged' });
    expect([begun, whole]).toEqual([1, []]);
  });

  it('is no longer sent once the server has refused it, and the next has a connection of its own', async () => {
    let refused: IncomingMessage | undefined;
    const ended = new Promise((resolve) => {
      answer = async (request, response) => {
        refused = request;
        request.socket.once('close', resolve);
        response.writeHead(413).end('too much');
      };
    });
    await expect(give(digest, large.length)).rejects.toMatchObject({
      problem: 'refused',
      message: expect.stringContaining('413'),
    });
    await ended;
    expect(refused!.complete).toBe(false);
    answer = take;
    await give(digest, large.length);
    expect([connections, whole.length]).toEqual([2, 1]);
  });

  it('that the server has already is not sent to its end', async () => {
    answer = async (_, response) => response.writeHead(200).end();
    await give(digest, large.length);
    expect([begun, whole]).toEqual([1, []]);
  });

  it('is sent anew where the connection is cut, a few times', async () => {
    answer = async (request, response) => {
      await new Promise((resolve) => request.once('readable', resolve));
      if (begun === 3) await take(request, response);
      else request.socket.destroy();
    };
    await give(digest, large.length);
    expect([begun, whole.length]).toEqual([3, 1]);
    answer = async (request) => request.socket.destroy();
    await expect(give(digest, large.length)).rejects.toMatchObject({ problem: 'unreachable' });
    expect(begun).toBe(7);
  });

  it('is given up where the server takes no more, or says nothing in the end', async () => {
    silence = 500;
    answer = async () => undefined;
    await expect(give(digest, large.length)).rejects.toMatchObject({ problem: 'unreachable' });
    answer = async (request) => request.resume();
    await expect(give(digest, large.length)).rejects.toMatchObject({ problem: 'unreachable' });
    expect(begun).toBe(8);
  });

  it('is given time to be put away when all of it is there', async () => {
    silence = 2000;
    answer = async (request, response) => {
      await new Promise((resolve) => request.resume().once('end', resolve));
      setTimeout(() => response.writeHead(201).end(), 2500);
    };
    await give(digest, large.length);
  });

  it('that nobody wants to give any more is left, and its file is closed', async () => {
    const wanted = new AbortController();
    answer = async () => wanted.abort(new Error('enough'));
    await expect(give(digest, large.length, wanted.signal)).rejects.toThrow('enough');
    await expect.poll(openFiles).not.toContain(store.blobs.path(digest));
  });
});

async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => []);
  return Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
}
