import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { digestOf, openStore } from '../src/index.ts';
import { child, listing, newStore, open, publishText, temporaryFolder } from './helpers.ts';

const root = process.getuid?.() === 0;
const mounts: string[] = [];
afterAll(() => {
  for (const folder of mounts) execFileSync('umount', [folder]);
});

/** A file system of this many bytes; undefined where this process may not mount one. */
async function smallDisk(bytes: number): Promise<string | undefined> {
  const folder = await temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  mounts.push(folder);
  return folder;
}

describe('a full disk', () => {
  it('is one clear error, and leaves whole blobs and no temporary file', async ({ skip }) => {
    const disk = await smallDisk(1 << 20);
    if (disk === undefined) return skip('mounting a small file system is not permitted here');
    const dir = join(disk, 'store');
    const store = await openStore(dir);
    const text = (index: number) => `${index}`.padEnd(100_000);
    let failure: unknown;
    for (let index = 0; index < 20 && failure === undefined; index++) {
      await store.blobs.putText(text(index)).catch((error: unknown) => {
        failure = error;
      });
    }
    expect(failure).toMatchObject({ name: 'StoreError', code: 'no-space' });
    expect(String(failure)).toContain('no space left');
    expect(failure).toMatchObject({ hint: expect.stringContaining('sonde store gc') });
    const [holder = ''] = await readdir(join(dir, 'tmp'));
    expect(await readdir(join(dir, 'tmp', holder))).toEqual([]);
    expect((await openStore(dir, { readOnly: true }).then((reader) => reader.care.verify())).ok).toBe(true);
    const freed = await store.care.gc({ graceSeconds: -1 });
    expect(freed.blobs).toBeGreaterThan(5);
    await store.blobs.putText(text(99));
    await store.close();
    execFileSync('umount', [mounts.pop() ?? '']);
  });
});

describe('a disk that gets full while content arrives', () => {
  it('is one clear error, and what has come stays', async ({ skip }) => {
    const disk = await smallDisk(4 << 20);
    if (disk === undefined) return skip('mounting a small file system is not permitted here');
    const store = await openStore(join(disk, 'store'));
    const content = randomBytes(8 << 20);
    const incoming = (await store.blobs.receive(digestOf(content), { holder: 'test' }))!;
    const all = async () => {
      for (let at = 0; at < content.length; at += 1 << 16) await incoming.append(content.subarray(at, at + (1 << 16)));
    };
    const full = { name: 'StoreError', code: 'no-space', hint: expect.stringContaining('sonde store gc') };
    await expect(all()).rejects.toMatchObject(full);
    await expect(incoming.leave()).rejects.toMatchObject(full);
    const again = (await store.blobs.receive(digestOf(content), { holder: 'test' }))!;
    expect(again.size).toBeGreaterThan(2 << 20);
    await again.leave();
    const [name = ''] = await readdir(join(store.dir, 'incoming'));
    expect(content.indexOf(await readFile(join(store.dir, 'incoming', name)))).toBe(0);
    await store.close();
    execFileSync('umount', [mounts.pop() ?? '']);
  });
});

describe('a folder without permission', () => {
  it('is named, with what to do', async () => {
    const dir = join(await temporaryFolder(), 'store');
    const inner = join(dir, 'inner');
    await mkdir(dir);
    await chmod(join(dir, '..'), 0o755);
    await chmod(dir, 0o555);
    if (root) {
      const stranger = await child(['put', inner, '1'], { uid: 65534 });
      const answer = await stranger.line();
      expect(JSON.parse(answer)).toMatchObject({ code: 'permission', message: expect.stringContaining(dir) });
      return;
    }
    const failure = await (await openStore(inner)).blobs.putText('x').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'permission', message: expect.stringContaining(dir) });
  });

  it('a store below a file is refused', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(openStore(join(file, 'store'))).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining('a part of the path is a file'),
    });
  });
});

describe('a store that cannot be written to', () => {
  it('is read, planned from and verified all the same, and says what is bad', async ({ skip }) => {
    const disk = await smallDisk(4 << 20);
    if (disk === undefined) return skip('mounting a file system is not permitted here');
    const writer = await openStore(join(disk, 'store'));
    const [good, bad] = [await publishText(writer, 'good', 'good text'), await publishText(writer, 'bad', 'bad text')];
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a'), 'text of a');
    const tree = await writer.artifacts.put('model', folder);
    await chmod(writer.blobs.path(bad.outputs.text!.digest), 0o644);
    await writeFile(writer.blobs.path(bad.outputs.text!.digest), 'bad texT');
    await writer.close();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const before = await listing(disk);
    const store = await open(join(disk, 'store'));
    const report = await store.care.verify();
    expect(report).toMatchObject({ ok: false, writable: false, problems: [{ kind: 'blob' }] });
    await expect(store.blobs.open(bad.outputs.text!.digest)).rejects.toMatchObject({
      code: 'corrupt',
      reason: 'damaged',
    });
    expect(await store.results.get(good.key)).toEqual(good);
    expect(await readFile(await store.artifacts.openFile(tree, 'a'), 'utf8')).toBe('text of a');
    expect(await store.runs.list()).toEqual([]);
    expect(await store.care.status()).toMatchObject({ results: 2 });
    const refused = { code: 'permission', hint: expect.stringContaining('write in') };
    await expect(store.care.verify({ repair: true })).rejects.toMatchObject(refused);
    await expect(store.blobs.putText('x')).rejects.toMatchObject(refused);
    expect(await listing(disk)).toEqual(before);
    execFileSync('umount', [mounts.pop() ?? '']);
  });
});

it('too many open files are said to be that, and nothing is taken for damaged', async () => {
  const store = await newStore();
  const record = await publishText(store, 'a', 'text');
  const crowded = await child(['crowd', store.dir, record.outputs.text!.digest], { files: 64 });
  expect(JSON.parse(await crowded.line())).toMatchObject({
    code: 'too-many-files',
    hint: expect.stringContaining('ulimit -n'),
  });
  expect(await store.care.verify()).toMatchObject({ ok: true, results: 1 });
});

describe('content that may not be read', () => {
  it('asks for the right to read it', async () => {
    const store = await newStore();
    const record = await publishText(store, 'a', 'text');
    const path = store.blobs.path(record.outputs.text!.digest);
    await chmod(path, 0o200);
    await chmod(join(store.dir, '..'), 0o755);
    let answer: unknown;
    if (root) {
      const stranger = await child(['read', store.dir, record.outputs.text!.digest], { uid: 65534 });
      answer = JSON.parse(await stranger.line());
    } else {
      answer = await store.blobs.open(record.outputs.text!.digest).catch((error: unknown) => error);
    }
    expect(answer).toMatchObject({
      code: 'permission',
      hint: `Give yourself the right to read ${path}, or name another store.`,
    });
  });
});

describe('opening', () => {
  it('makes nothing before something is written', async () => {
    const folder = await temporaryFolder();
    const store = await open(join(folder, 'store'));
    expect(await store.care.status()).toMatchObject({ blobs: 0, results: 0, runs: 0 });
    expect(await store.runs.list()).toEqual([]);
    expect(await store.care.pins()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
    await store.blobs.putText('x');
    expect(JSON.parse(await readFile(join(folder, 'store', 'store.json'), 'utf8'))).toEqual({
      sonde: 'store',
      layout: 1,
    });
  });

  it('refuses a newer layout, a broken marker, and a folder with other things in it', async () => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, 'store.json'), '{"sonde":"store","layout":2}');
    await expect(openStore(dir)).rejects.toMatchObject({
      code: 'version',
      message: expect.stringContaining('layout 2'),
    });
    await writeFile(join(dir, 'store.json'), '{"so');
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'corrupt' });
    const home = await temporaryFolder();
    await mkdir(join(home, 'tmp'));
    await expect(openStore(home)).rejects.toMatchObject({
      code: 'version',
      message: expect.stringContaining('not a Sonde'),
    });
  });

  it('for reading only writes nothing, whatever is asked', async () => {
    const writer = await newStore();
    const record = await publishText(writer, 'a', 'text');
    const log = await writer.runs.create({ pipeline: '', file: '', digest: record.key, params: {}, plan: {} });
    await log.finish({ status: 'succeeded', counts: {}, seconds: 0 });
    await writer.close();
    const before = await listing(writer.dir);
    const reader = await open(writer.dir, { readOnly: true });
    const input = join(await temporaryFolder(), 'input');
    await writeFile(input, 'x');
    await reader.results.get(record.key);
    await reader.artifacts.presence(record.outputs.text!);
    await reader.blobs.open(record.outputs.text!.digest);
    await reader.artifacts.open(record.outputs.text!);
    await reader.results.nearest('test/text');
    await reader.digestOfFile(input);
    await reader.runs.open(log.id);
    await reader.care.status();
    await reader.care.verify();
    const refused = { code: 'permission' };
    await expect(reader.blobs.putText('new')).rejects.toMatchObject(refused);
    await expect(reader.blobs.putText('text')).rejects.toMatchObject(refused);
    await expect(reader.blobs.putFile(input, { move: true })).rejects.toMatchObject(refused);
    await expect(reader.results.put(record)).rejects.toMatchObject(refused);
    await expect(reader.leases.acquire(record.key, { holder: 'x' })).rejects.toMatchObject(refused);
    await expect(reader.scratch()).rejects.toMatchObject(refused);
    await expect(reader.care.pin('x', [record.key])).rejects.toMatchObject(refused);
    await expect(reader.care.gc()).rejects.toMatchObject(refused);
    expect(await listing(writer.dir)).toEqual(before);
    expect(await readFile(input, 'utf8')).toBe('x');
  });
});

it('scratch folders lie in the store and are removed only if they do', async () => {
  const store = await newStore();
  const [one, two] = [await store.scratch(), await store.scratch()];
  await store.removeScratch(one);
  const outside = await temporaryFolder();
  await expect(store.removeScratch(outside)).rejects.toThrow('is no scratch folder');
  await store.close();
  await expect(readdir(two)).rejects.toThrow('ENOENT');
  expect(await readdir(outside)).toEqual([]);
});
