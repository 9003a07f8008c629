import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../src/index.ts';
import { child, newStore, open, temporaryFolder } from './helpers.ts';

const KEY = digestOf('a key');

/** The traces of a process on another host that holds the lease. */
async function foreignHolder(dir: string, beatSeconds: number): Promise<string> {
  const id = 'fedcba98765432100123';
  const about = { id, host: 'elsewhere', place: 'another place', pid: 1, start: '1', beatSeconds, since: 0 };
  const file = join(dir, 'leases', 'holders', `${id}.json`);
  await writeFile(file, JSON.stringify(about));
  await mkdir(join(dir, 'leases', KEY.slice(7)));
  await writeFile(join(dir, 'leases', KEY.slice(7), `${id}.0`), '{"holder":"run x","host":"elsewhere","pid":1}');
  return file;
}

describe('leases', () => {
  it('are held by one at a time, and the others are told whom they wait for', async () => {
    const first = await newStore();
    const second = await open(first.dir);
    const lease = await first.leases.acquire(KEY, { holder: 'run one' });
    const order: string[] = [];
    const waiting: string[] = [];
    let tellOfWait = () => {};
    const waits = new Promise<void>((resolve) => {
      tellOfWait = resolve;
    });
    const onWait = (holder: string) => {
      waiting.push(holder);
      tellOfWait();
    };
    const next = second.leases.acquire(KEY, { holder: 'run two', onWait }).then((taken) => {
      order.push('taken');
      return taken;
    });
    await waits;
    order.push('released');
    await lease.release();
    await (await next).release();
    expect(order).toEqual(['released', 'taken']);
    expect(waiting).toEqual([expect.stringContaining('run one (process ')]);
    expect(await readdir(join(first.dir, 'leases'))).toEqual(['holders']);
  });

  it('waiting can be given up', async () => {
    const store = await newStore();
    await store.leases.acquire(KEY, { holder: 'one' });
    const signal = AbortSignal.timeout(60);
    await expect(store.leases.acquire(KEY, { holder: 'two', signal })).rejects.toThrow();
    expect((await store.care.status()).leases).toBe(1);
  });

  it('of a killed process on this host are free before any silence would tell, and its temporary files go', async () => {
    const store = await newStore();
    const holder = await child(['hold', store.dir, 'a key']);
    expect(await holder.line()).toBe('held');
    holder.process.kill('SIGKILL');
    await holder.ended;
    const lease = await store.leases.acquire(KEY, { holder: 'two', signal: AbortSignal.timeout(30_000) });
    await lease.release();
    expect(await readdir(join(store.dir, 'tmp'))).toHaveLength(1);
    expect(await readdir(join(store.dir, 'leases', 'holders'))).toHaveLength(1);
  });

  it('of a stopped process on this host are not taken away, however long it is silent', async () => {
    const store = await newStore({ heartbeatSeconds: 0.02 });
    const holder = await child(['hold', store.dir, 'a key']);
    await holder.line();
    holder.process.kill('SIGSTOP');
    await expect(store.leases.acquire(KEY, { holder: 'two', signal: AbortSignal.timeout(800) })).rejects.toThrow();
  });

  it('of a host that went silent are taken over after twelve beats, whatever its clock says', async () => {
    const store = await newStore();
    await store.blobs.putText('');
    const file = await foreignHolder(store.dir, 0.05);
    const future = new Date('2040-01-01');
    await utimes(file, future, future);
    const waiting: string[] = [];
    const started = performance.now();
    const lease = await store.leases.acquire(KEY, { holder: 'two', onWait: (holder) => waiting.push(holder) });
    expect(performance.now() - started).toBeGreaterThan(600);
    expect(waiting).toEqual(['run x (process 1 on elsewhere)']);
    await lease.release();
  });

  it('of a host that beats are left to it, even when its clock stands in the past', async () => {
    const store = await newStore();
    await store.blobs.putText('');
    const file = await foreignHolder(store.dir, 0.2);
    let second = 0;
    const beats = setInterval(() => void utimes(file, second++, second), 50);
    await expect(store.leases.acquire(KEY, { holder: 'two', signal: AbortSignal.timeout(4000) })).rejects.toThrow();
    clearInterval(beats);
  });

  it('tell their holder when they were taken over', async () => {
    const store = await newStore({ heartbeatSeconds: 0.02 });
    const lease = await store.leases.acquire(KEY, { holder: 'one' });
    await rm(join(store.dir, 'leases', KEY.slice(7)), { recursive: true });
    await new Promise((resolve) => lease.lost.addEventListener('abort', resolve));
    expect(lease.lost.reason).toMatchObject({ message: expect.stringContaining('taken over') });
  });

  it('two processes that compete for 50 keys compute each once', async () => {
    const store = await newStore();
    const log = join(await temporaryFolder(), 'log');
    const rivals = await Promise.all([0, 1].map(() => child(['compete', store.dir, '50', log])));
    expect(await Promise.all(rivals.map((rival) => rival.ended))).toEqual([0, 0]);
    const computed = (await readFile(log, 'utf8')).trim().split('\n').sort();
    expect(computed).toEqual(Array.from({ length: 50 }, (_, index) => `key ${index}`).sort());
    expect(await store.care.verify()).toMatchObject({ ok: true, results: 50, blobs: 50 });
    expect((await store.care.status()).leases).toBe(0);
  });
});
