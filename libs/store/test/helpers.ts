import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@sonde/base';
import { build } from 'rolldown';
import { afterAll, afterEach } from 'vitest';
import { keyOf, openStore, type ResultRecord, type Store, type StoredArtifact } from '../src/index.ts';

const folders: string[] = [];
const stores: Store[] = [];
const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-store-'));
  folders.push(folder);
  return folder;
}

export async function open(dir: string, options?: Parameters<typeof openStore>[1]): Promise<Store> {
  const store = await openStore(dir, options);
  stores.push(store);
  return store;
}

/** A store in a folder that does not exist yet. */
export async function newStore(options?: Parameters<typeof openStore>[1]): Promise<Store> {
  return open(join(await temporaryFolder(), 'store'), options);
}

export function recordOf(
  fingerprint: JsonObject,
  outputs: { readonly [name: string]: StoredArtifact } = {},
): ResultRecord {
  const created = '2026-01-02T03:04:05.678Z';
  return { key: keyOf(fingerprint), fingerprint, outputs, created, seconds: 1.5, run: '20260102-030405-abcdef' };
}

/** Publishes a result with one text output. */
export async function publishText(store: Store, name: string, text: string): Promise<ResultRecord> {
  const record = recordOf(
    { kind: 'test/text', name },
    { text: { type: 'json', ...(await store.blobs.putText(text)) } },
  );
  await store.results.put(record);
  return record;
}

/** Every path below a folder with size and times, to see whether anything was written. */
export async function listing(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const lines = names.map(async (name) => {
    const { size, mtimeMs, ctimeMs } = await stat(join(folder, name));
    return `${name} ${size} ${mtimeMs} ${ctimeMs}`;
  });
  return (await Promise.all(lines)).sort();
}

let program: Promise<string> | undefined;
let programFolder: string | undefined;
afterAll(async () => {
  if (programFolder !== undefined) await rm(programFolder, { recursive: true, force: true });
});

async function bundle(): Promise<string> {
  programFolder = await mkdtemp(join(tmpdir(), 'sonde-store-child-'));
  // One test runs it as another user.
  await chmod(programFolder, 0o755);
  const file = join(programFolder, 'child.mjs');
  const input = fileURLToPath(new URL('./child.ts', import.meta.url));
  await build({ input, platform: 'node', logLevel: 'silent', output: { file, format: 'esm' } });
  return file;
}

export interface Child {
  readonly process: ChildProcess;
  /** The next line that it prints. */
  line(): Promise<string>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

/** Runs `child.ts` as a process of its own, which may open so many files. */
export async function child(
  args: readonly string[],
  { files, ...options }: { readonly uid?: number; readonly files?: number } = {},
): Promise<Child> {
  program ??= bundle();
  const command = [globalThis.process.execPath, await program, ...args];
  const limited = files === undefined ? command : ['sh', '-c', `ulimit -n ${files}; exec "$0" "$@"`, ...command];
  const process = spawn(limited[0]!, limited.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  children.add(process);
  const ended = new Promise<number | string | null>((resolve) => {
    process.once('close', (code, signal) => {
      children.delete(process);
      resolve(code ?? signal);
    });
  });
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const next = await lines.next();
    return next.done ? '(end)' : next.value;
  };
  return { process, line, ended };
}
