import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { PlannedTask } from '@sonde/executor';
import type { Graph } from '@sonde/pipeline';
import { keyOf, openStore, type ResultRecord } from '@sonde/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import yauzl from 'yauzl';
import yazl from 'yazl';
import { bringResults, createBundle, readBundle, verifyBundle, writeFiles } from '../src/index.ts';

interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
  readonly mode?: number;
  readonly compress?: boolean;
}

let folder: string;
let good: string;
let entries: Entry[];
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-bundles-'));
  const home = path.join(folder, 'home');
  await mkdir(home);
  await writeFile(path.join(home, 'p.yaml'), 'sonde: 1\n');
  const store = await openStore(path.join(folder, 'store'));
  await writeFile(path.join(home, 'out.json'), '{"answer":42}');
  const out = await store.artifacts.put('json', path.join(home, 'out.json'));
  const fingerprint = { kind: 'test', revision: 1 };
  const key = keyOf(fingerprint);
  const record: ResultRecord = { key, fingerprint, outputs: { out }, created: '2026-01-01', seconds: 1, run: 'r' };
  await store.results.put(record);
  const graph: Graph = {
    name: 'p',
    description: '',
    tasks: [],
    outputs: {},
    modules: [],
    params: {},
    files: [{ path: path.join(home, 'p.yaml'), sha256: '' }],
  };
  good = path.join(folder, 'good.sonde');
  await createBundle(graph, [{ task: 'a', state: 'cached', key, record } as unknown as PlannedTask], store, good);
  await store.close();
  entries = await entriesOf(good);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function entriesOf(file: string): Promise<Entry[]> {
  const zip = await yauzl.openPromise(file, { lazyEntries: true, autoClose: false });
  const found: Entry[] = [];
  for await (const entry of zip.eachEntry()) {
    const parts: Buffer[] = [];
    for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
    found.push({ name: entry.fileName, bytes: Buffer.concat(parts) });
  }
  zip.close();
  return found;
}

async function bundleOf(list: readonly Entry[]): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const { name, bytes, mode = 0o100644, compress = false } of list) zip.addBuffer(bytes, name, { mode, compress });
  zip.end();
  const file = path.join(folder, `${made++}.sonde`);
  await pipe(zip.outputStream, createWriteStream(file));
  return file;
}

/** The good bundle with other bytes in the place of some, of the same length. */
async function patched(...changes: readonly (readonly [string, string])[]): Promise<string> {
  let text = await readFile(good, 'latin1');
  for (const [from, to] of changes) {
    expect(to.length).toBe(from.length);
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  const file = path.join(folder, `${made++}.sonde`);
  await writeFile(file, summed(Buffer.from(text, 'latin1')));
  return file;
}

/** With the checksums of what its entries hold. */
function summed(zip: Buffer): Buffer {
  for (let at = zip.indexOf('PK\u0001\u0002'); at >= 0; at = zip.indexOf('PK\u0001\u0002', at + 4)) {
    const header = zip.readUInt32LE(at + 42);
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    zip.writeUInt32LE(crc32(zip.subarray(start, start + zip.readUInt32LE(at + 20))), at + 16);
  }
  return zip;
}

/** Opens it on another machine: what it says of it, and that nothing has been written or believed. */
async function refusal(file: string): Promise<string> {
  const place = path.join(folder, `machine-${made++}`);
  const store = await openStore(path.join(place, 'store'));
  let said = 'taken';
  try {
    const bundle = await readBundle(file);
    try {
      await bringResults(bundle, store);
      await writeFiles(bundle, path.join(place, 'opened'));
    } finally {
      bundle.close();
    }
  } catch (error) {
    said = (error as Error).message;
  }
  const status = await store.care.status();
  await store.close();
  if (said !== 'taken') {
    const names = await readdir(place).catch(() => []);
    expect(names.filter((name) => name !== 'store')).toEqual([]);
    if (!/p\.yaml/.test(said)) expect(status.results).toBe(0);
  }
  return said;
}

function changed(name: RegExp, change: Partial<Entry>): Entry[] {
  return entries.map((entry) => (name.test(entry.name) ? { ...entry, ...change } : entry));
}

describe('a bundle of a stranger', () => {
  it('is taken, and sound, where nothing is wrong with it', async () => {
    expect(await refusal(good)).toBe('taken');
    expect(await refusal(await bundleOf(entries))).toBe('taken');
    const bundle = await readBundle(good);
    expect(await verifyBundle(bundle)).toMatchObject({ results: 1, contents: 1 });
    bundle.close();
  });

  it('cannot name a path outside its folder', async () => {
    for (const name of ['../x.y', '/x.yam', 'a\\\\.ym', 'C:x.ym', 'a//b.y', './x.ym', 'nul.ym']) {
      const entry = name.replaceAll('\\\\', '\\').padEnd(6, 'm');
      const said = await refusal(await patched(['files/p.yaml', `files/${entry}`], ['"p.yaml"', `"${entry}"`]));
      expect(said, name).toMatch(/refused: (its directory|it has a file whose path|its bundle.json is not JSON)/);
    }
  });

  it('has files alone: no link, device or folder', async () => {
    expect(await refusal(await bundleOf(changed(/^files/, { mode: 0o120777 })))).toContain('is a link');
    for (const mode of [0o020644, 0o060644, 0o010644, 0o040755])
      expect(await refusal(await bundleOf(changed(/^files/, { mode })))).toContain('not a file');
  });

  it('cannot grow: nothing in it is compressed, and no part is used twice', async () => {
    const bomb = { bytes: Buffer.alloc(50 * 2 ** 20), compress: true };
    expect(await refusal(await bundleOf(changed(/^contents/, bomb)))).toContain('is compressed');
    // Both entries of the directory say that their bytes are the whole file's.
    const bytes = await readFile(good);
    for (let at = bytes.indexOf('PK\u0001\u0002'); at >= 0; at = bytes.indexOf('PK\u0001\u0002', at + 4)) {
      bytes.writeUInt32LE(bytes.length - 100, at + 20);
      bytes.writeUInt32LE(bytes.length - 100, at + 24);
    }
    const lie = path.join(folder, `${made++}.sonde`);
    await writeFile(lie, bytes);
    expect(await refusal(lie)).toContain('they overlap, or its directory lies');
  });

  it('has each entry once, and only those that it says', async () => {
    expect(await refusal(await bundleOf([...entries, entries.at(-1)!]))).toContain('two entries');
    const extra = { name: 'files/extra.sh', bytes: Buffer.from('echo') };
    expect(await refusal(await bundleOf([...entries, extra]))).toContain('does not know of "files/extra.sh"');
    expect(await refusal(await bundleOf(entries.slice(0, -1)))).toContain('is missing in it');
    expect(await refusal(await bundleOf(entries.slice(1)))).toContain('it has no bundle.json');
  });

  it('is held against its digests', async () => {
    expect(await refusal(await patched(['{"answer":42}', '{"answer":43}']))).toContain('is of other bytes');
    expect(await refusal(await patched(['sonde: 1\n', 'sonde: 2\n']))).toContain('p.yaml is of other bytes');
    expect(await refusal(await patched(['"revision":1', '"revision":2']))).toContain('its check does not hold');
    // Also where the checksum of the zip file alone is wrong.
    const sum = await readFile(good);
    sum.writeUInt32LE(7, sum.lastIndexOf('PK\u0001\u0002') + 16);
    const file = path.join(folder, `${made++}.sonde`);
    await writeFile(file, sum);
    expect(await refusal(file)).toContain('than its checksum says');
  });

  /** The good bundle with more files, which its manifest knows of. */
  const withFiles = (...names: readonly string[]) => {
    const bytes = Buffer.from('x');
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const [manifest, ...others] = entries;
    const value = JSON.parse(manifest!.bytes.toString()) as { files: object[] };
    for (const name of names) value.files.push({ path: name, role: 'input', digest, size: 1 });
    return bundleOf([
      { name: manifest!.name, bytes: Buffer.from(JSON.stringify(value)) },
      ...others,
      ...names.map((name) => ({ name: `files/${name}`, bytes })),
    ]);
  };

  it('has no file that another program would obey, nor one whose name is not what it looks like', async () => {
    expect(await refusal(await withFiles('data/x.txt', 'été.txt', '.data/y'))).toBe('taken');
    const names = ['.git/config', 'a/.GIT/hooks/x', '.g\u200cit/config', 'git~1/config', 'slurm.yaml', 'Slurm.YAML'];
    for (const name of [...names, 'a\u202etxt.exe', 'a\u009b2Jb', 'COM¹.txt', 'conout$'])
      expect(await refusal(await withFiles(name)), name).toContain('whose path is not safe');
  });

  it.each([
    ['é', 'e\u0301'],
    ['straße', 'STRASSE'],
    ['\u017fx', 'sx'],
    ['\u212ax', 'kx'],
    ['ﬁx', 'fix'],
    ['σx', 'ςx'],
    ['a\u200bx', 'ax'],
    ['D', 'd/e'],
  ])('has no two files that some file system takes for one: %j and %j', async (a, b) => {
    expect(await refusal(await withFiles(a, b))).toContain('two files in one place');
  });

  it('holds nothing but its entries', async () => {
    const bytes = await readFile(good);
    const end = bytes.lastIndexOf('PK\u0005\u0006');
    const start = bytes.readUInt32LE(end + 16);
    // Something in between, which the directory passes over.
    const hidden = Buffer.concat([bytes.subarray(0, start), Buffer.alloc(5000), bytes.subarray(start)]);
    hidden.writeUInt32LE(start + 5000, end + 5000 + 16);
    const told = Buffer.concat([bytes.subarray(0, -2), Buffer.from([5, 0]), Buffer.from('hello')]);
    for (const [other, why] of [
      [hidden, 'bytes that belong to none of its entries'],
      [Buffer.concat([bytes, bytes]), 'bytes that belong to none of its entries'],
      [told, 'has a comment'],
    ] as const) {
      const file = path.join(folder, `${made++}.sonde`);
      await writeFile(file, other);
      expect(await refusal(file)).toContain(why);
    }
  });

  it('is refused where its directory says what the file does not have', async () => {
    const bytes = await readFile(good);
    const end = bytes.lastIndexOf('PK\u0005\u0006');
    for (const count of [0, 1, 3, 60_000]) {
      const other = Buffer.from(bytes);
      other.writeUInt16LE(count, end + 8);
      other.writeUInt16LE(count, end + 10);
      const file = path.join(folder, `${made++}.sonde`);
      await writeFile(file, other);
      expect(await refusal(file)).toMatch(/refused/);
    }
    const local = Buffer.from(bytes);
    local.write('files/q', local.indexOf('files/p.yaml'));
    const file = path.join(folder, `${made++}.sonde`);
    await writeFile(file, local);
    expect(await refusal(file)).toContain('another name than the directory');
  });

  it('is refused wherever it is cut off, and where it is no file', async () => {
    const bytes = await readFile(good);
    for (let size = 0; size < bytes.length; size += 97) {
      const file = path.join(folder, 'cut.sonde');
      await writeFile(file, bytes.subarray(0, size));
      expect(await refusal(file), `cut at ${size}`).toMatch(/refused/);
    }
    await symlink(good, path.join(folder, 'link.sonde'));
    await expect(readBundle(path.join(folder, 'link.sonde'))).rejects.toThrow('is not a file');
    await expect(readBundle(folder)).rejects.toThrow('is not a file');
  });
});

describe('a bundle that says other than the store', () => {
  it('changes nothing of what is there', async () => {
    const store = await openStore(path.join(folder, 'other-store'));
    const bundle = await readBundle(good);
    const theirs = await bundle.record(bundle.manifest.results[0]!.key);
    await writeFile(path.join(folder, 'mine.json'), '{"answer":0}');
    const out = await store.artifacts.put('json', path.join(folder, 'mine.json'));
    await store.results.put({ ...theirs, outputs: { out } });
    expect(await bringResults(bundle, store)).toEqual({ results: 0, different: ['a'] });
    expect((await store.results.get(theirs.key))?.outputs).toEqual({ out });
    bundle.close();
    await store.close();
  });

  it('is refused where its bytes are not of its digests, also those that the store has', async () => {
    const store = await openStore(path.join(folder, 'same-store'));
    const whole = await readBundle(good);
    expect(await bringResults(whole, store, { checkAll: true })).toEqual({ results: 1, different: [] });
    expect(await bringResults(whole, store, { checkAll: true })).toEqual({ results: 0, different: [] });
    whole.close();
    const damaged = await readBundle(await patched(['{"answer":42}', '{"answer":43}']));
    await expect(bringResults(damaged, store, { checkAll: true })).rejects.toThrow('is of other bytes');
    damaged.close();
    await store.close();
  });
});

describe('a bundle whose maker or opener was killed', () => {
  it('leaves nothing that a later one does not take away', async () => {
    const place = path.join(folder, 'killed');
    // No process has this number: it is above what systems give.
    await mkdir(path.join(place, '.opened.partial-99999999', 'half'), { recursive: true });
    const bundle = await readBundle(good);
    await writeFiles(bundle, path.join(place, 'opened'));
    bundle.close();
    expect(await readdir(place)).toEqual(['opened']);
  });
});
