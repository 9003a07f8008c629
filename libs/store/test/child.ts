import { appendFileSync, createReadStream, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CopySource,
  type Digest,
  digestOf,
  keyOf,
  openStore,
  type ResultRecord,
  type Store,
  StoreError,
} from '../src/index.ts';

const [command = '', dir = '', ...rest] = process.argv.slice(2);

function record(name: string, outputs: ResultRecord['outputs']): ResultRecord {
  const fingerprint = { kind: 'test/text', name };
  return { key: keyOf(fingerprint), fingerprint, outputs, created: new Date().toISOString(), seconds: 0, run: 'none' };
}

/**
 * Writes results with blobs and trees until it is killed, in a fixed order, so that rounds repeat each other. Says when
 * each is published.
 */
async function loop(store: Store): Promise<void> {
  const log = await store.runs.create({ pipeline: 'loop', file: 'loop', digest: digestOf(''), params: {}, plan: {} });
  console.log('ready');
  for (let index = 0; ; index++) {
    const name = `item ${index % 40}`;
    const lease = await store.leases.acquire(digestOf(name), { holder: 'loop' });
    const folder = await store.scratch();
    await mkdir(join(folder, 'tree', 'sub'), { recursive: true });
    await writeFile(join(folder, 'file'), name.repeat(20_000));
    await writeFile(join(folder, 'tree', 'a'), `${name} a`);
    await writeFile(join(folder, 'tree', 'sub', 'b'), `${name} b`);
    const file = await store.artifacts.put('json', join(folder, 'file'), { move: true });
    const tree = await store.artifacts.put('model', join(folder, 'tree'));
    await store.results.put(record(name, { file, tree }));
    await store.artifacts.open(tree);
    log.append({ event: 'done', key: keyOf({ kind: 'test/text', name }) });
    await store.removeScratch(folder);
    await lease.release();
    console.log(`published ${index + 1}`);
  }
}

/** Works values out in batches of ten, and writes a line for each content that it was asked to make one of. */
async function workOut(store: Store, count: number, log: string): Promise<void> {
  const wanted = Array.from({ length: count }, (_, index) => digestOf(`content ${index}`).slice(7));
  const values = await store.memos.of({ maker: 'test' }).workOut(
    wanted,
    async function* (missing) {
      for (let at = 0; at < missing.length; at += 10) {
        const batch = missing.slice(at, at + 10);
        appendFileSync(log, batch.map((content) => `${content}\n`).join(''));
        await delay(1);
        yield batch.map((content) => [content, content.slice(0, 6)] as const);
        console.log('kept');
      }
    },
    { holder: `process ${process.pid}` },
  );
  console.log(`worked out ${values.size}`);
  await store.close();
}

/** Computes keys that are not there yet, as an executor does; writes a line for each that it computed. */
async function compete(store: Store, count: number, log: string): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `key ${index}`);
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      for (const name of names.filter((_, index) => index % 4 === lane)) {
        const key = keyOf({ kind: 'test/text', name });
        if (await store.results.get(key)) continue;
        const lease = await store.leases.acquire(key, { holder: `process ${process.pid}` });
        if (!(await store.results.get(key))) {
          appendFileSync(log, `${name}\n`);
          await delay(5);
          await store.results.put(record(name, { text: { type: 'json', ...(await store.blobs.putText(name)) } }));
        }
        await lease.release();
      }
    }),
  );
  await store.close();
}

async function put(store: Store, bytes: number): Promise<void> {
  const chunk = 'x'.repeat(4096);
  for (let index = 0; index * 4096 < bytes; index++) await store.blobs.putText(`${index}${chunk}`);
}

/** Receives content until it is killed, or stops where it ends; says when a MiB more has come. */
/** Receives content a MiB at a time; after so many of them it waits to be killed. */
async function receive(store: Store, digest: Digest, content: string, most: number): Promise<void> {
  const incoming = (await store.blobs.receive(digest, { holder: 'the child' }))!;
  let parts = 0;
  for await (const part of createReadStream(content, { start: incoming.size, highWaterMark: 1 << 20 })) {
    await incoming.append(part as Buffer);
    console.log(`has ${incoming.size}`);
    if (++parts === most) await delay(60_000);
  }
  console.log(`received ${await incoming.finish()}`);
}

const store = await openStore(dir);
try {
  if (command === 'loop') await loop(store);
  if (command === 'compete') await compete(store, Number(rest[0]), rest[1] ?? '');
  if (command === 'work-out') await workOut(store, Number(rest[0]), rest[1] ?? '');
  if (command === 'crowd') {
    const open = () => openSync('/dev/null', 'r');
    try {
      for (;;) open();
    } catch {
      await store.blobs.open(rest[0] as Digest);
    }
  }
  if (command === 'receive') await receive(store, rest[0] as Digest, rest[1] ?? '', Number(rest[2]));
  if (command === 'read') await store.blobs.open(rest[0] as Digest);
  if (command === 'put') await put(store, Number(rest[0]));
  if (command === 'leave') {
    await store.leases.acquire(digestOf('a key'), { holder: 'the child' });
    await store.scratch();
  }
  if (command === 'lend') {
    await store.copies.lend(JSON.parse(rest[0] ?? '') as CopySource, { maxBytes: 1e9, holder: 'the child' });
    console.log('lent');
    await delay(60_000);
  }
  if (command === 'hold') {
    await store.leases.acquire(digestOf(rest[0] ?? ''), { holder: 'the child' });
    await store.scratch();
    console.log('held');
    await delay(60_000);
  }
  console.log('done');
} catch (error) {
  console.log(
    error instanceof StoreError
      ? JSON.stringify({ code: error.code, message: error.message, hint: error.hint })
      : String(error),
  );
  process.exitCode = 1;
}
