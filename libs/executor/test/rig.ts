import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '@sonde/base';
import type { DataSources, FolderReader } from '@sonde/data';
import type { ArtifactType, DataRef, Graph, OutputRef, TaskNode, Value } from '@sonde/pipeline';
import { openStore, type Store } from '@sonde/store';
import { build } from 'rolldown';
import {
  type Plan,
  type PlanOptions,
  planGraph,
  type RunEvent,
  type RunOptions,
  type RunResult,
  runGraph,
} from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Bundles a TypeScript program of the fixtures to a file that Node runs. */
export async function bundle(name: string, folder: string): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  await build({
    input: here(`./fixtures/${name}.ts`),
    platform: 'node',
    output: { file, format: 'esm', codeSplitting: false },
    logLevel: 'silent',
    external: [/^node:/],
  });
  return file;
}

const folder: FolderReader = {
  async here(path) {
    const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
    if (names.length === 0) throw new UserError('data', `${path} is empty.`);
    return names;
  },
  elsewhere: async ({ names }) => names,
};
export const sources: DataSources = { folders: { model: folder, adapter: folder, scorer: folder } };

const source = { path: 'test.yaml', text: '' };
const range = { file: source, start: 0, end: 0 };

export type StepSpec = Partial<Omit<TaskNode, 'with'>> & {
  readonly kind: string;
  readonly with?: Record<string, Value>;
};

/** A graph of steps that have no matrix; `needs` follows from references, in the order they are written. */
export function graphOf(steps: Readonly<Record<string, StepSpec>>, more: Partial<Graph> = {}): Graph {
  const tasks = Object.entries(steps).map(([id, { kind, with: config = {}, needs = [], ...rest }]): TaskNode => {
    return {
      id,
      step: id,
      kind: `test/${kind}`,
      axes: {},
      with: config,
      outputs: { out: { type: 'json', description: '' } },
      needs: [...new Set([...needs, ...referred(config)])].sort(),
      resources: { device: 'any' },
      retries: 0,
      range,
      ...rest,
    };
  });
  return {
    name: 'test',
    description: 'A test.',
    tasks,
    outputs: {},
    params: {},
    modules: [],
    files: [{ path: 'test.yaml', sha256: '0'.repeat(64) }],
    ...more,
  };
}

function referred(value: Value): string[] {
  if (value === null || typeof value !== 'object') return [];
  if ('$' in value) return value.$ === 'output' ? [(value as OutputRef).task] : [];
  return Object.values(value).flatMap(referred);
}

export const out = (task: string, axes = {}): OutputRef => ({ $: 'output', task, output: 'out', type: 'json', axes });
export const file = (path: string, types: readonly ArtifactType[] = ['file']): DataRef => ({
  $: 'data',
  scheme: 'path',
  ref: path,
  target: path,
  types,
  range,
});

export interface Ran extends RunResult {
  readonly all: readonly RunEvent[];
  /** Tasks that this run computed, sorted. */
  readonly ran: readonly string[];
  /** The JSON of a task's output. */
  value(task: string): unknown;
}

/** One folder with a store, a journal of what really ran, and the shorthand to plan and run there. */
export interface Rig {
  readonly folder: string;
  readonly storeFolder: string;
  store: Store;
  options(more?: Partial<RunOptions>): RunOptions;
  plan(graph: Graph, more?: Partial<PlanOptions>): Promise<Plan>;
  run(graph: Graph, more?: Partial<RunOptions>): Promise<Ran>;
  journal(): string[];
  path(name: string): string;
  write(name: string, text: string): string;
  openGate(name: string): void;
  started(name: string): Promise<void>;
  /** Waits until a run under way has said that a task failed. */
  failed(task: string): Promise<void>;
  /** Waits until a run under way has told of such an event. */
  saw(event: RunEvent['event']): Promise<void>;
  close(): Promise<void>;
}

export async function createRig(workerEntry: string): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-executor-'));
  const storeFolder = join(folder, 'store');
  const path = (name: string) => join(folder, name);
  const listeners = new Set<(event: RunEvent) => void>();
  const rig: Rig = {
    folder,
    storeFolder,
    store: await openStore(storeFolder),
    path,
    options: (more = {}) => ({
      store: rig.store,
      kinds,
      sources,
      workerEntry,
      jobs: 2,
      env: { TEST_FOLDER: folder },
      ...more,
    }),
    async plan(graph, more = {}) {
      const store = await openStore(storeFolder, { readOnly: true });
      try {
        return await planGraph(graph, { store, kinds, sources, ...more });
      } finally {
        await store.close();
      }
    },
    async run(graph, more = {}) {
      const handle = runGraph(graph, rig.options(more));
      const all: RunEvent[] = [];
      for await (const event of handle.events) {
        all.push(event);
        for (const tell of listeners) tell(event);
      }
      const result = await handle.result;
      const ran = all.flatMap((event) => (event.event === 'task.finished' ? [event.task] : [])).sort();
      const value = (task: string) =>
        JSON.parse(readFileSync(rig.store.blobs.path(result.records.get(task)!.outputs.out!.digest), 'utf8'));
      return { ...result, all, ran, value };
    },
    journal: () =>
      existsSync(path('journal.txt')) ? readFileSync(path('journal.txt'), 'utf8').trim().split('\n') : [],
    write(name, text) {
      writeFileSync(path(name), text);
      return path(name);
    },
    openGate: (name) => writeFileSync(path(`gate-${name}`), ''),
    failed: (task) =>
      new Promise((resolve) => {
        listeners.add((event) => {
          if (event.event === 'task.failed' && event.task === task) resolve();
        });
      }),
    saw: (name) =>
      new Promise((resolve) => {
        listeners.add(({ event }) => {
          if (event === name) resolve();
        });
      }),
    started: (name) => appears(path(`started-${name}`)),
    async close() {
      await rig.store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

/** Waits for a file that another process makes. */
export async function appears(path: string): Promise<void> {
  while (!existsSync(path)) await delay(5);
}

/** Every file below a folder with its size and times: what a reader must leave as it was. */
export async function listing(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const found = await stat(join(entry.parentPath, entry.name), { bigint: true });
    lines.push(`${join(entry.parentPath, entry.name)} ${found.size} ${found.mtimeNs}`);
  }
  return lines.sort();
}

/** Waits until a process is gone. */
export async function vanished(pid: number): Promise<void> {
  for (;;) {
    // One that has ended but is not yet collected counts as gone (Linux: state Z).
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined || /^\d+ \(.*\) Z/s.test(stat)) return;
    await delay(5);
  }
}
