import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { digestOf, type MakeValues, type Store, StoreError } from '../src/index.ts';
import { child, listing, newStore, open, temporaryFolder } from './helpers.ts';

const MAKER = { kind: 'test scorer', digest: 'abc' };
const WHO = { holder: 'test' };

function contents(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => digestOf(`content ${from + index}`).slice(7));
}

/** Makes values in batches of four and notes what it was asked for. */
function making(asked: string[]): MakeValues {
  return async function* (missing) {
    for (let at = 0; at < missing.length; at += 4) {
      const batch = missing.slice(at, at + 4);
      asked.push(...batch);
      yield batch.map((content) => [content, { half: 1 / 3, of: content.slice(0, 4) }] as const);
    }
  };
}

async function segments(store: Store): Promise<string[]> {
  const names = await readdir(join(store.dir, 'memos'), { recursive: true });
  return names.filter((name) => name.endsWith('.jsonl')).map((name) => join(store.dir, 'memos', name));
}

it('makes each value once, whoever asks, and gives it back as it was', async () => {
  const store = await newStore();
  const asked: string[] = [];
  const first = await store.memos.of(MAKER).workOut(contents(10), making(asked), WHO);
  expect(asked).toEqual(contents(10));
  const other = await open(store.dir);
  const again = await other.memos.of(MAKER).workOut(contents(15), making(asked), WHO);
  expect(asked).toEqual(contents(15));
  for (const [content, value] of first) expect(again.get(content)).toEqual(value);
  expect(again.size).toBe(15);
  await store.memos.of({ ...MAKER, digest: 'another' }).workOut(contents(1), making(asked), WHO);
  expect(asked).toHaveLength(16);
  expect(await store.care.status()).toMatchObject({ memos: { makers: 2, values: 16 } });
  // What was written in batches is one file when the work is done.
  expect(await segments(store)).toHaveLength(3);
});

it('makes everything anew where that is asked for, and keeps the newer values', async () => {
  const store = await newStore();
  const memo = store.memos.of(MAKER);
  const saying = (word: string): MakeValues =>
    async function* (missing) {
      yield missing.map((content) => [content, word] as const);
    };
  await memo.workOut(contents(3), saying('old'), WHO);
  await memo.workOut(contents(3), saying('new'), { ...WHO, refresh: true });
  const found = await memo.workOut(contents(3), saying('none'), WHO);
  expect([...found.values()]).toEqual(['new', 'new', 'new']);
});

it('keeps what was made before a failure, which is the maker’s own', async () => {
  const store = await newStore();
  const asked: string[] = [];
  const down = Object.assign(new Error('down'), { code: 'ECONNREFUSED', syscall: 'connect' });
  const failing: MakeValues = async function* (missing) {
    for await (const batch of making(asked)(missing)) {
      yield batch;
      if (asked.length === 8) throw down;
    }
  };
  await expect(store.memos.of(MAKER).workOut(contents(20), failing, WHO)).rejects.toBe(down);
  await store.memos.of(MAKER).workOut(contents(20), making(asked), WHO);
  expect(asked).toEqual(contents(20));
});

it('waits for what another is making, and takes over what the dead had taken on', async () => {
  const store = await newStore();
  const [other, asked, theirs]: [Store, string[], string[]] = [await open(store.dir), [], []];
  let begun = () => {};
  let go = () => {};
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const may = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow: MakeValues = async function* (missing) {
    begun();
    await may;
    yield* making(theirs)(missing);
  };
  const first = other.memos.of(MAKER).workOut(contents(10), slow, WHO);
  await started;
  const waited: number[] = [];
  const second = store.memos.of(MAKER).workOut(contents(12), making(asked), {
    ...WHO,
    onWait(count) {
      waited.push(count);
      go();
    },
  });
  expect((await second).size).toBe(12);
  expect((await first).size).toBe(10);
  expect([theirs, asked, waited]).toEqual([contents(10), contents(2, 10), [10]]);
});

it('sets aside a damaged file of values, and makes them again', async () => {
  const store = await newStore();
  const asked: string[] = [];
  await store.memos.of(MAKER).workOut(contents(3), making(asked), WHO);
  const [file = ''] = await segments(store);
  await writeFile(file, (await readFile(file, 'utf8')).replace('0.3333', '0.4333'));
  const found = await store.memos.of(MAKER).workOut(contents(3), making(asked), WHO);
  expect(asked).toEqual([...contents(3), ...contents(3)]);
  expect([...found.values()]).toEqual(contents(3).map((content) => ({ half: 1 / 3, of: content.slice(0, 4) })));
  const [whole = ''] = await segments(store);
  await appendFile(whole, 'x');
  const report = await store.care.verify();
  expect(report).toMatchObject({ ok: false, values: 0, problems: [{ kind: 'memo', path: whole }] });
  expect(await store.care.verify()).toMatchObject({ ok: true });
});

it('lets values go only where somebody asks for what is older than so many days', async () => {
  const store = await newStore();
  await store.memos.of(MAKER).workOut(contents(3), making([]), WHO);
  expect(await store.care.gc({ graceSeconds: -1 })).toMatchObject({ values: 0 });
  expect(await store.care.gc({ graceSeconds: -1, olderThanDays: 1 })).toMatchObject({ values: 0 });
  const all = { graceSeconds: -1, olderThanDays: 1e-9 };
  expect(await store.care.gc({ ...all, dryRun: true })).toMatchObject({ values: 3 });
  expect(await store.care.gc(all)).toMatchObject({ values: 3 });
  expect(await store.care.status()).toMatchObject({ memos: { values: 0 } });
});

it('writes nothing in a store that is open for reading', async () => {
  const store = await newStore();
  await store.memos.of(MAKER).workOut(contents(3), making([]), WHO);
  await store.close();
  const before = await listing(store.dir);
  const reader = await open(store.dir, { readOnly: true });
  await expect(reader.memos.of(MAKER).workOut(contents(5), making([]), WHO)).rejects.toThrow(StoreError);
  expect(await listing(store.dir)).toEqual(before);
});

it('loses no more than a batch when a process is killed', async () => {
  const { dir } = await newStore();
  const log = join(await temporaryFolder(), 'log');
  const killed = await child(['work-out', dir, '200', log]);
  for (let batch = 0; batch < 5; batch++) expect(await killed.line()).toBe('kept');
  killed.process.kill('SIGKILL');
  await killed.ended;
  const next = await child(['work-out', dir, '200', log]);
  await next.ended;
  const asked = (await readFile(log, 'utf8')).trim().split('\n');
  expect(new Set(asked).size).toBe(200);
  expect(asked.length).toBeLessThanOrEqual(210);
});

it('makes each value once among four processes', async () => {
  const { dir } = await newStore();
  const log = join(await temporaryFolder(), 'log');
  const all = await Promise.all([1, 2, 3, 4].map((part) => child(['work-out', dir, String(part * 100), log])));
  expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  const asked = (await readFile(log, 'utf8')).trim().split('\n');
  expect(asked).toHaveLength(400);
  expect(new Set(asked).size).toBe(400);
});
