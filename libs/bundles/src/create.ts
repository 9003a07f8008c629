import { createWriteStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import { codeOf, type JsonObject, type JsonValue, UserError } from '@sonde/base';
import type { PlannedTask } from '@sonde/executor';
import type { Graph } from '@sonde/pipeline';
import { canonicalJson, type Digest, digestOf, digestsOf, type Store, textOfRecord } from '@sonde/store';
import yazl from 'yazl';
import { commonFolder, resultsOf, sourcesOf, type TextCheck } from './collect.ts';
import { partialBeside, removeLeftovers } from './leftovers.ts';
import { type BundleFile, contentEntry, fileEntry, MANIFEST, type Manifest, resultEntry } from './manifest.ts';
import { isSafePath } from './names.ts';

export interface CreateOptions {
  /** Values of the parameters, where they were given and are not the file's own. */
  readonly params?: JsonObject | undefined;
  /** Leaves out inputs, and the results in which it finds texts. */
  readonly withoutText?: TextCheck | undefined;
  /** Puts the pipeline's reports beside its files, to be read without Sonde. */
  readonly withReport?: boolean;
}

/** Every entry is of this moment by every clock, so that the bytes are the same wherever they are made. */
const ENTRY = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true };

/**
 * Writes a bundle: it appears whole, in the place of an earlier one.
 *
 * @throws UserError `usage` where another file lies there, as the pipeline itself
 */
export async function createBundle(
  graph: Graph,
  tasks: readonly PlannedTask[],
  store: Store,
  target: string,
  { params, withoutText, withReport = false }: CreateOptions = {},
): Promise<Manifest> {
  await requireNoOther(target);
  const { chosen, leftOut } = await resultsOf(tasks, withoutText);
  if (chosen.length === 0)
    throw new UserError('usage', `${graph.name} has no results here to bundle`, 'sonde run computes them.');
  const sources = await sourcesOf(graph, withoutText === undefined);
  const folder = commonFolder(sources.files.map(({ from }) => from));
  const texts = new Map<string, Buffer>();
  const files: BundleFile[] = [];
  const add = (file: string, role: BundleFile['role'], bytes: Buffer): void => {
    if (!isSafePath(file))
      throw new UserError('usage', `${file} has a name that not every system can have`, 'Rename it.');
    if (texts.has(file)) throw new UserError('usage', `two files of the bundle would be ${file}`, 'Rename one.');
    texts.set(file, bytes);
    files.push({ path: file, role, digest: digestOf(bytes), size: bytes.length });
  };
  for (const { from, role } of sources.files)
    add(path.relative(folder, from).split(path.sep).join('/'), role, await readFile(from));
  if (withReport)
    for (const [name, bytes] of await reportsOf(graph, chosen, store)) add(`report/${name}`, 'report', bytes);
  const byName =
    <T>(key: (item: T) => string) =>
    (a: T, b: T) =>
      key(a) < key(b) ? -1 : 1;
  const sizes = new Map<Digest, number>();
  for (const digest of chosen.flatMap(({ record }) => digestsOf(record))) {
    if (!sizes.has(digest)) sizes.set(digest, (await stat(await store.blobs.open(digest))).size);
  }
  const contents = [...sizes].map(([digest, size]) => ({ digest, size })).sort(byName(({ digest }) => digest));
  const records = new Map(chosen.map(({ record }) => [record.key, record]));
  const manifest: Manifest = {
    sonde_bundle: 1,
    name: graph.name,
    description: graph.description,
    pipeline: path.relative(folder, graph.files[0]!.path).split(path.sep).join('/'),
    params: params ?? null,
    files: files.sort(byName(({ path }) => path)),
    needed: sources.needed,
    results: chosen
      .map(({ task, record: { key, run, created, seconds } }) => ({ task, key, run, created, seconds }))
      .sort(byName(({ task }) => task)),
    left_out: leftOut.sort(byName(({ task }) => task)),
    contents,
  };
  await writeWhole(target, async (zip) => {
    zip.addBuffer(Buffer.from(`${canonicalJson(manifest as unknown as JsonValue)}\n`), MANIFEST, ENTRY);
    for (const file of manifest.files) zip.addBuffer(texts.get(file.path)!, fileEntry(file.path), ENTRY);
    for (const key of [...records.keys()].sort())
      zip.addBuffer(Buffer.from(textOfRecord(records.get(key)!)), resultEntry(key), ENTRY);
    for (const { digest } of contents) zip.addFile(await store.blobs.open(digest), contentEntry(digest), ENTRY);
  });
  return manifest;
}

async function reportsOf(
  graph: Graph,
  chosen: Awaited<ReturnType<typeof resultsOf>>['chosen'],
  store: Store,
): Promise<[string, Buffer][]> {
  const records = new Map(chosen.map(({ task, record }) => [task, record]));
  const reports: [string, Buffer][] = [];
  for (const [name, refs] of Object.entries(graph.outputs)) {
    for (const [at, { task, output, type }] of [refs].flat().entries()) {
      const artifact = records.get(task)?.outputs[output];
      if (type !== 'html' || artifact === undefined) continue;
      const file = Array.isArray(refs) ? `${name}-${at + 1}.html` : `${name}.html`;
      reports.push([file, await readFile(await store.artifacts.openFile(artifact))]);
    }
  }
  return reports;
}

/** What lies in the place of a bundle, and begins as none does, was written by hand: it would be lost. */
async function requireNoOther(target: string): Promise<void> {
  const begin = Buffer.alloc(64);
  const file = await open(target).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    if ((await file.stat()).isFile()) await file.read(begin, 0, begin.length, 0);
  } finally {
    await file.close();
  }
  // The name of the first entry, in a zip file.
  if (begin.subarray(0, 2).toString('latin1') === 'PK' && begin.includes(MANIFEST, 30)) return;
  throw new UserError('usage', `${target} is there already, and is no bundle`, 'Name another file, or take it away.');
}

async function writeWhole(target: string, fill: (zip: yazl.ZipFile) => Promise<void>): Promise<void> {
  await removeLeftovers(target);
  const partial = partialBeside(target);
  try {
    const zip = new yazl.ZipFile();
    const stop = new AbortController();
    zip.on('error', (error) => stop.abort(error));
    const written = pipe(zip.outputStream, createWriteStream(partial, { mode: 0o644 }), { signal: stop.signal });
    written.catch(() => undefined);
    await fill(zip);
    zip.end();
    await written.catch((error: unknown) => Promise.reject(stop.signal.aborted ? stop.signal.reason : error));
    const file = await open(partial, 'r+');
    await file.sync().finally(() => file.close());
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}
