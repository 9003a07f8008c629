import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { careFor, sightOf } from '../src/disk/sight.ts';
import { BlobDamaged, digestOf, type StoredArtifact } from '../src/index.ts';
import { newStore, open, temporaryFolder } from './helpers.ts';

async function flip(path: string, keepTimes = false): Promise<void> {
  const before = await stat(path);
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
  if (keepTimes) await utimes(path, before.atime, before.mtime);
}

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe('blobs', () => {
  it('are named by their content, read-only, and stored once', async () => {
    const store = await newStore();
    const info = await store.blobs.putText('hello');
    expect(info).toEqual({ digest: digestOf('hello'), size: 5 });
    const path = store.blobs.path(info.digest);
    const first = await stat(path);
    expect(first.mode & 0o777).toBe(0o444);
    expect(await store.blobs.putText('hello')).toEqual(info);
    const source = join(await temporaryFolder(), 'f');
    await writeFile(source, 'hello');
    expect(await store.blobs.putFile(source)).toEqual(info);
    expect((await stat(path)).ino).toBe(first.ino);
    expect(await store.blobs.presence(info.digest, 5)).toBe('here');
    expect(await store.blobs.presence(info.digest, 6)).toBe('damaged');
    expect(await readdir(join(store.dir, 'tmp')).then((all) => readdir(join(store.dir, 'tmp', all[0]!)))).toEqual([]);
  });

  it('a moved file is gone from where it was; a copied one stays, and stays writable', async () => {
    const store = await newStore();
    const folder = await folderWith({ moved: 'm', copied: 'c' });
    const moved = await store.blobs.putFile(join(folder, 'moved'), { move: true });
    const copied = await store.blobs.putFile(join(folder, 'copied'));
    expect(await readdir(folder)).toEqual(['copied']);
    await writeFile(join(folder, 'copied'), 'changed');
    expect(await readFile(await store.blobs.open(copied.digest), 'utf8')).toBe('c');
    expect(await readFile(await store.blobs.open(moved.digest), 'utf8')).toBe('m');
  });

  it('a moved file with a second name is copied, so that the other name cannot write into the store', async () => {
    const store = await newStore();
    const folder = await folderWith({ one: 'text' });
    await link(join(folder, 'one'), join(folder, 'two'));
    const info = await store.blobs.putFile(join(folder, 'one'), { move: true });
    await writeFile(join(folder, 'two'), 'evil');
    expect(await readFile(await store.blobs.open(info.digest), 'utf8')).toBe('text');
  });

  it.each([false, true])('a flipped byte is found, set aside and never read (times kept: %s)', async (keepTimes) => {
    const store = await newStore();
    const info = await store.blobs.putText('some content');
    const artifact: StoredArtifact = { type: 'json', ...info };
    await flip(store.blobs.path(info.digest), keepTimes);
    const failure = await store.blobs.open(info.digest).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BlobDamaged);
    expect(failure).toMatchObject({ code: 'corrupt', reason: 'damaged', digest: info.digest });
    expect(await store.artifacts.presence(artifact)).toBe('missing');
    expect((await store.care.status()).quarantined).toBe(1);
    await expect(store.blobs.open(info.digest)).rejects.toMatchObject({ reason: 'missing' });
    await store.blobs.putText('some content');
    expect(await readFile(await store.blobs.open(info.digest), 'utf8')).toBe('some content');
  });

  it('a change after the first check is found by the file times', async () => {
    const store = await newStore();
    const { digest } = await store.blobs.putText('some content');
    await store.blobs.open(digest);
    await flip(store.blobs.path(digest));
    await expect(store.blobs.open(digest)).rejects.toThrow(BlobDamaged);
  });

  it('a blob cut short is replaced when its content is put again', async () => {
    const store = await newStore();
    const { digest } = await store.blobs.putText('some content');
    await chmod(store.blobs.path(digest), 0o644);
    await writeFile(store.blobs.path(digest), 'some');
    await store.blobs.putText('some content');
    expect(await readFile(await store.blobs.open(digest), 'utf8')).toBe('some content');
  });

  it('a blob damaged in its content is replaced when its content is put again', async () => {
    const store = await newStore();
    const { digest } = await store.blobs.putText('hello');
    await flip(store.blobs.path(digest));
    await (await open(store.dir)).blobs.putText('hello');
    expect(await readFile(store.blobs.path(digest), 'utf8')).toBe('hello');
    expect((await store.care.status()).quarantined).toBe(1);
  });

  it('many at once with the same content are all right', async () => {
    const stores = [await newStore()];
    stores.push(await open(stores[0]!.dir));
    const infos = await Promise.all(Array.from({ length: 20 }, (_, index) => stores[index % 2]!.blobs.putText('same')));
    expect(new Set(infos.map((info) => info.digest))).toEqual(new Set([digestOf('same')]));
    expect((await stores[0]!.care.verify()).ok).toBe(true);
  });
});

describe('trees', () => {
  const files = { 'config.json': '{}', 'weights/part-1': 'one', 'weights/part-2': 'two' };

  it('are folders whose digest depends on names and contents only', async () => {
    const store = await newStore();
    const tree = await store.artifacts.put('model', await folderWith(files));
    expect(tree.size).toBe(8);
    expect(Object.keys(tree.files ?? {})).toEqual(Object.keys(files));
    expect((await store.artifacts.put('model', await folderWith(files))).digest).toBe(tree.digest);
    const folder = await store.artifacts.open(tree);
    expect(await readFile(join(folder, 'weights', 'part-2'), 'utf8')).toBe('two');
    expect(await store.artifacts.open(tree)).toBe(folder);
    expect(await store.artifacts.presence(tree)).toBe('here');
  });

  it('a materialised folder that was changed is made anew', async () => {
    const store = await newStore();
    const tree = await store.artifacts.put('model', await folderWith(files));
    const folder = await store.artifacts.open(tree);
    await writeFile(join(folder, 'stray'), '');
    expect(await readdir(await store.artifacts.open(tree))).toEqual(['config.json', 'weights']);
  });

  it('a flipped byte in one file is found through its folder too', async () => {
    const store = await newStore();
    const tree = await store.artifacts.put('model', await folderWith(files));
    const folder = await store.artifacts.open(tree);
    await flip(join(folder, 'weights', 'part-1'));
    await expect(store.artifacts.open(tree)).rejects.toThrow(BlobDamaged);
    expect(await store.artifacts.presence(tree)).toBe('missing');
  });

  it('a check sets aside all that is damaged at once', async () => {
    const store = await newStore();
    const tree = await store.artifacts.put('model', await folderWith({ a: 'a', b: 'bb', c: 'ccc' }));
    await expect(store.artifacts.check(tree)).resolves.toBeUndefined();
    for (const name of ['a', 'b']) await flip(store.blobs.path(tree.files![name]!.digest));
    await expect(store.artifacts.check(tree)).rejects.toThrow(BlobDamaged);
    expect(await store.care.status()).toMatchObject({ blobs: 2, quarantined: 2 });
  });

  it('names that lead out of the folder are refused', async () => {
    const store = await newStore();
    const evil = await store.blobs.putText('evil');
    const tree: StoredArtifact = { type: 'model', digest: evil.digest, size: 4, files: { '../evil': evil } };
    await expect(store.artifacts.open(tree)).rejects.toThrow('leads out of it');
    await expect(store.artifacts.export(tree, join(await temporaryFolder(), 'x'))).rejects.toThrow('leads out of it');
  });

  it.each<[kind: string, make: (path: string) => unknown]>([
    ['a symbolic link to /etc/hostname', (path) => symlink('/etc/hostname', path)],
    ['a symbolic link to .', (path) => symlink('.', path)],
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a device', (path) => execFileSync('mknod', [path, 'c', '1', '3'], { stdio: 'ignore' })],
  ])('%s is refused by name as an output, alone and in a folder', async (kind, make) => {
    const store = await newStore();
    const folder = await folderWith({ 'out/a': 'a' });
    for (const path of [join(folder, 'alone'), join(folder, 'out', 'b')]) {
      try {
        await make(path);
      } catch {
        // Only root makes devices.
        return;
      }
      const output = path.endsWith('b') ? join(folder, 'out') : path;
      await expect(store.artifacts.put('model', output)).rejects.toMatchObject({
        message: `${path} is ${kind}; expected a file or a folder of files.`,
      });
    }
    expect(await store.care.status()).toMatchObject({ blobs: 0 });
  });

  it('an empty folder is refused as an output', async () => {
    const store = await newStore();
    await expect(store.artifacts.put('model', await temporaryFolder())).rejects.toThrow('holds no file');
  });
});

describe('exports', () => {
  it('share nothing with the store, and replace what an export left', async () => {
    const store = await newStore();
    const out = await temporaryFolder();
    const file: StoredArtifact = { type: 'json', ...(await store.blobs.putText('{"a":1}')) };
    await store.artifacts.export(file, join(out, 'deep', 'file.json'));
    await writeFile(join(out, 'deep', 'file.json'), 'mine now');
    expect(await readFile(await store.blobs.open(file.digest), 'utf8')).toBe('{"a":1}');
    await store.artifacts.export(file, join(out, 'deep', 'file.json'));
    expect(await readFile(join(out, 'deep', 'file.json'), 'utf8')).toBe('{"a":1}');
    const tree = await store.artifacts.put('model', await folderWith({ a: '1', 'b/c': '2' }));
    await store.artifacts.export(tree, join(out, 'tree'));
    await store.artifacts.export(tree, join(out, 'tree'));
    expect(await readFile(join(out, 'tree', 'b', 'c'), 'utf8')).toBe('2');
    expect(await readdir(out)).toEqual(['deep', 'tree']);
  });

  it('never replace a folder with files of somebody else', async () => {
    const store = await newStore();
    const out = await folderWith({ 'thesis.tex': 'years of work' });
    const tree = await store.artifacts.put('model', await folderWith({ a: '1' }));
    await expect(store.artifacts.export(tree, out)).rejects.toThrow('holds thesis.tex');
    expect(await readdir(out)).toEqual(['thesis.tex']);
  });

  it('a damaged blob is not exported, but set aside', async () => {
    const store = await newStore();
    const { digest, size } = await store.blobs.putText('some content');
    await store.blobs.open(digest);
    await flip(store.blobs.path(digest), true);
    const out = await temporaryFolder();
    await expect(store.artifacts.export({ type: 'json', digest, size }, join(out, 'x'))).rejects.toThrow(BlobDamaged);
    expect(await readdir(out)).toEqual([]);
    expect(await store.blobs.presence(digest, size)).toBe('missing');
  });
});

describe('digests of files outside', () => {
  it('follow the content, also when size and times stay', async () => {
    const store = await newStore();
    const path = join(await temporaryFolder(), 'input');
    await writeFile(path, 'aaaa');
    const old = new Date('2020-01-01');
    await utimes(path, old, old);
    expect(await store.digestOfFile(path)).toEqual({ digest: digestOf('aaaa'), size: 4 });
    await writeFile(path, 'bbbb');
    await utimes(path, old, old);
    expect((await store.digestOfFile(path)).digest).toBe(digestOf('bbbb'));
  });

  const shown = (more: object) => ({
    isFile: () => true,
    size: 2n ** 30n,
    mtimeNs: 1_700_000_000_123_456_789n,
    ctimeNs: 1_700_000_000_123_456_789n,
    ino: 7n,
    dev: 1n,
    ...more,
  });
  const [NFS, EXT4, LUSTRE, FUSE] = [0x6969n, 0xef53n, 0x0bd00bd0n, 0x65735546n];

  it('hold on every host of a network file system, whatever device number it has there; else on that device alone', () => {
    const identity = (system: bigint, more: object) => sightOf(shown(more), system).identity;
    expect(identity(NFS, { dev: 2n })).toBe(identity(NFS, {}));
    expect(identity(EXT4, { dev: 2n })).not.toBe(identity(EXT4, {}));
    for (const other of [{ ino: 8n }, { size: 1n }, { mtimeNs: 5n }, { ctimeNs: 5n }])
      expect(identity(NFS, other)).not.toBe(identity(NFS, {}));
    expect(identity(NFS, {})).not.toBe(identity(LUSTRE, {}));
  });

  it('are remembered only where every change would show, whatever the clocks say', () => {
    const changed = 1_700_000_000_123;
    const [hour, small] = [3_600_000, { size: 100n }];
    expect(careFor(sightOf(shown({}), NFS), changed + 2 * hour)).toBe('none');
    // Changed just now, or by a clock that is behind or ahead.
    for (const now of [changed, changed + hour / 2, changed - 10 * hour]) {
      expect(careFor(sightOf(shown({}), NFS), now)).toBe('wait');
      expect(careFor(sightOf(shown(small), NFS), now)).toBe('forget');
    }
    // A link that was made to it lately.
    const linked = sightOf(shown({ ctimeNs: 1_700_009_000_123_456_789n, ...small }), NFS);
    expect(careFor(linked, changed + 9_000_000 + 1000)).toBe('forget');
    expect(careFor(linked, changed + 9_000_000 + 3000)).toBe('none');
    // An image whose files have all one time.
    const whole = { mtimeNs: 1_000_000_000n, ctimeNs: 1_000_000_000n };
    expect(careFor(sightOf(shown(whole), FUSE), changed)).toBe('forget');
    expect(careFor(sightOf(shown(whole), LUSTRE), changed)).toBe('none');
  });
});
