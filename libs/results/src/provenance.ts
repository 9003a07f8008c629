import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';
import { isRecord, type JsonObject, type JsonValue } from '@sonde/base';
import type { RunResult } from '@sonde/executor';
import type { Graph, TaskNode } from '@sonde/pipeline';
import { canonicalJson, type StoredArtifact } from '@sonde/store';

export const FILE = 'provenance.json';

/** An output and its place in the results' folder. */
export interface Placed {
  readonly file: string;
  readonly task: string;
  readonly artifact: StoredArtifact;
}

/** A file or folder that an earlier run wrote. `run` is that run's id. */
export interface EarlierOutput {
  readonly file: string;
  readonly digest: string;
  readonly task: string;
  readonly run: string;
}

/** How one run made what is of it in the folder. */
interface RunNotes {
  readonly sonde: JsonValue;
  readonly pipeline: JsonValue;
  readonly params: JsonValue;
  readonly software: JsonValue;
  readonly tasks: JsonValue;
}

/** `provenance.json`: the last run that wrote here, of which run each file is, and the earlier runs of which one is. */
export interface Provenance extends RunNotes {
  readonly run: string;
  readonly status: RunResult['status'];
  readonly outputs: Readonly<Record<string, Omit<EarlierOutput, 'file'>>>;
  readonly earlier_runs?: Readonly<Record<string, RunNotes>>;
}

/** What a run finds and leaves in the folder. */
interface FolderState {
  readonly written: readonly Placed[];
  readonly left: readonly EarlierOutput[];
  /** The `provenance.json` of before. */
  readonly before: JsonObject;
  /** The version of Sonde. */
  readonly sonde: string;
}

export function provenanceOf(
  graph: Graph,
  result: RunResult,
  { written, left, before, sonde }: FolderState,
): Provenance {
  const now = written.map(({ file, task, artifact }) => [file, { digest: artifact.digest, task, run: result.run }]);
  const then = left.map(({ file, digest, task, run }) => [file, { digest, task, run }]);
  const notes = notesOfRuns(before);
  const runs = [...new Set(left.map(({ run }) => run))].filter((run) => run !== result.run && notes.has(run));
  return {
    sonde,
    pipeline: {
      name: graph.name,
      description: graph.description,
      files: graph.files.map(({ sha256 }) => ({ sha256 })),
    },
    params: graph.params,
    run: result.run,
    status: result.status,
    software: { node: process.version, platform: `${process.platform} ${process.arch}` },
    outputs: Object.fromEntries([...now, ...then]),
    ...(runs.length > 0 && { earlier_runs: Object.fromEntries(runs.map((run) => [run, notes.get(run)!])) }),
    tasks: tasksOf(graph, result),
  };
}

function tasksOf(graph: Graph, result: RunResult): JsonValue {
  return graph.tasks.flatMap((task: TaskNode) => {
    const record = result.records.get(task.id);
    if (record === undefined) return [];
    const { key, fingerprint, created, seconds, run } = record;
    const digests = Object.fromEntries(Object.entries(record.outputs).map(([name, { digest }]) => [name, digest]));
    return [{ task: task.id, key, created, seconds, run, fingerprint: fingerprint as JsonObject, outputs: digests }];
  });
}

function isObject(value: unknown): value is JsonObject {
  return isRecord(value);
}

/** What each run that an earlier `provenance.json` describes said of itself. */
function notesOfRuns(before: JsonObject): Map<string, RunNotes> {
  const { run, earlier_runs: earlier, sonde, pipeline, params, software, tasks } = before;
  const notes = new Map<string, RunNotes>();
  if (isObject(earlier)) for (const [id, of] of Object.entries(earlier)) notes.set(id, of as unknown as RunNotes);
  if (typeof run === 'string') notes.set(run, { sonde, pipeline, params, software, tasks } as RunNotes);
  return notes;
}

/** What the folder's `provenance.json` says; nothing where there is none, or it cannot be read as one. */
export async function readProvenance(folder: string): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse(await readFile(path.join(folder, FILE), 'utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The outputs that an earlier `provenance.json` names and that are still in the folder. */
export async function earlierOutputs(folder: string, before: JsonObject): Promise<EarlierOutput[]> {
  const listed = isObject(before.outputs) ? Object.entries(before.outputs) : [];
  const outputs = listed.flatMap(([file, entry]): EarlierOutput[] => {
    const { digest, task, run } = isObject(entry) ? entry : { digest: entry, task: '', run: before.run };
    // The file may come from a stranger: what it names must lie in the folder.
    const inside = path.resolve(folder, file).startsWith(path.resolve(folder) + path.sep);
    if (!inside || typeof digest !== 'string') return [];
    return [{ file, digest, task: String(task ?? ''), run: String(run ?? '') }];
  });
  return stillThere(folder, outputs);
}

/** Those of the earlier outputs that nobody has removed. */
async function stillThere(folder: string, earlier: readonly EarlierOutput[]): Promise<EarlierOutput[]> {
  const there = await Promise.all(
    earlier.map(({ file }) =>
      lstat(path.join(folder, file)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return earlier.filter((_, index) => there[index]);
}

/** Earlier outputs that are a folder where a file must go, or the other way round. */
export function inTheWay(earlier: readonly EarlierOutput[], outputs: readonly Placed[]): EarlierOutput[] {
  return earlier.filter(({ file }) =>
    outputs.some((now) => now.file.startsWith(`${file}/`) || file.startsWith(`${now.file}/`)),
  );
}

/** The text of `provenance.json`. */
export function provenanceText(provenance: Provenance): string {
  const sorted: unknown = JSON.parse(canonicalJson(provenance as never));
  return `${JSON.stringify(sorted, null, 2)}\n`;
}
