import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { PlannedTask } from '@sonde/executor';
import { type DataRef, type Graph, isDataRef, type Value } from '@sonde/pipeline';
import type { ResultRecord, StoredArtifact } from '@sonde/store';
import type { BundleFile } from './manifest.ts';

/** A larger input is not put into a bundle, in bytes. */
export const MAX_INPUT = 16 * 1024 * 1024;
const LOCK = 'sonde.lock';

/** A file on this machine that belongs in a bundle. */
export interface Source {
  readonly from: string;
  readonly role: BundleFile['role'];
}

export interface Sources {
  readonly files: readonly Source[];
  readonly needed: readonly { readonly ref: string; readonly why: string }[];
}

/** The files that a pipeline is made of and reads, and the data that whoever opens the bundle has to have. */
export async function sourcesOf(graph: Graph, withInputs: boolean): Promise<Sources> {
  const files = new Map<string, BundleFile['role']>(graph.files.map((file) => [file.path, 'pipeline']));
  const needed = new Map<string, string>();
  for (const module of graph.modules) files.set(module, 'module');
  const lock = path.join(path.dirname(graph.files[0]!.path), LOCK);
  if ((await sizeOf(lock)) !== undefined) files.set(lock, 'lock');
  for (const ref of graph.tasks.flatMap((task) => dataIn(task.with))) {
    const why = await whyNeeded(ref, withInputs);
    if (why === undefined) {
      if (ref.scheme === 'path' && !files.has(ref.target)) files.set(ref.target, 'input');
    } else needed.set(ref.ref, why);
  }
  return {
    files: [...files].map(([from, role]) => ({ from, role })),
    needed: [...needed].map(([ref, why]) => ({ ref, why })).sort((a, b) => (a.ref < b.ref ? -1 : 1)),
  };
}

async function whyNeeded(ref: DataRef, withInputs: boolean): Promise<string | undefined> {
  if (ref.scheme === 'embedded') return undefined;
  if (ref.scheme !== 'path') return 'it is fetched from where it lies';
  if (!withInputs) return 'it may hold texts';
  if (path.isAbsolute(ref.ref)) return 'its path is absolute';
  const said = path.resolve(path.dirname(ref.range.file.path), ref.ref);
  if (said !== ref.target) return 'its path does not start at the pipeline file';
  const size = await sizeOf(ref.target);
  if (size === undefined) return 'it is a folder';
  return size > MAX_INPUT ? `it is larger than ${MAX_INPUT / 2 ** 20} MiB` : undefined;
}

/** Bytes of a file; undefined where it is none. */
async function sizeOf(file: string): Promise<number | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

function dataIn(value: Value): DataRef[] {
  if (isDataRef(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(dataIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(dataIn) : [];
}

/** The folder that all of the files lie in. */
export function commonFolder(files: readonly string[]): string {
  let folder = path.dirname(files[0]!);
  while (!files.every((file) => file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep)))
    folder = path.dirname(folder);
  return folder;
}

export interface Chosen {
  readonly task: string;
  readonly record: ResultRecord;
}

/** Says of an output why it may hold texts of prompts or continuations; undefined where it cannot. */
export type TextCheck = (artifact: StoredArtifact) => Promise<string | undefined>;

/** The results of a plan that go into a bundle, and why the others do not. */
export async function resultsOf(tasks: readonly PlannedTask[], textIn: TextCheck | undefined) {
  const chosen: Chosen[] = [];
  const leftOut: { task: string; why: string }[] = [];
  for (const { task, state, record } of tasks) {
    if (state !== 'cached' || record === undefined) leftOut.push({ task, why: 'it has not been computed' });
    else {
      const why = textIn && (await textOfOutputs(record, textIn));
      if (why === undefined) chosen.push({ task, record: withoutPlace(record) });
      else leftOut.push({ task, why });
    }
  }
  return { chosen, leftOut };
}

async function textOfOutputs({ outputs }: ResultRecord, textIn: TextCheck): Promise<string | undefined> {
  for (const [name, artifact] of Object.entries(outputs)) {
    const why = await textIn(artifact);
    if (why !== undefined) return `its output ${name} ${why}`;
  }
  return undefined;
}

/** Through which store a result came here is nothing that others need to know. */
function withoutPlace(record: ResultRecord): ResultRecord {
  if (record.notes === undefined) return record;
  const { remote: _remote, brought_from: _from, ...notes } = record.notes;
  return { ...record, notes };
}
