import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, type JsonObject, type JsonValue } from '@sonde/base';
import type { RunResult } from '@sonde/executor';
import type { Graph, OutputRef } from '@sonde/pipeline';
import { digestOf, type ResultRecord, type Store, type StoredArtifact, StoreError } from '@sonde/store';
import {
  type EarlierOutput,
  earlierOutputs,
  inTheWay,
  type Placed,
  provenanceOf,
  provenanceText,
  readProvenance,
} from './provenance.ts';
import { beginChange, finishChange } from './results-change.ts';
import { resultsError } from './results-folder.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  table: '.parquet',
  tensors: '.safetensors',
  json: '.json',
  html: '.html',
};

/** A file name for an artifact: its output's name, for a collected one its axis values; an extension by its type. */
export const fileNameOf = (base: string, artifact: StoredArtifact): string =>
  base + (artifact.files === undefined ? (EXTENSIONS[artifact.type] ?? '') : '');

/** A value as people call it: an object by its `name`. */
const axisText = (value: JsonValue | undefined): string => {
  if (typeof value === 'string') return value;
  const { name } = (typeof value === 'object' && value !== null ? value : {}) as JsonObject;
  return typeof name === 'string' ? name : JSON.stringify(value);
};

const axesName = (axes: OutputRef['axes']): string =>
  Object.entries(axes)
    .map(([axis, value]) => `${axis}=${axisText(value)}`)
    .join(',')
    .replace(/[^A-Za-z0-9._=,@+-]+/g, '_')
    .slice(0, 120);

/** Where each output of the pipeline goes; outputs whose task did not succeed are left out. */
const placeOutputs = (graph: Graph, records: ReadonlyMap<string, ResultRecord>): Placed[] => {
  const placed: Placed[] = [];
  const taken = new Set<string>();
  const place = (base: string, ref: OutputRef): void => {
    const artifact = records.get(ref.task)?.outputs[ref.output];
    if (artifact === undefined) return;
    let file = fileNameOf(base, artifact);
    for (let n = 2; taken.has(file); n++) file = fileNameOf(`${base}-${n}`, artifact);
    taken.add(file);
    placed.push({ file, task: ref.task, artifact });
  };
  for (const [name, output] of Object.entries(graph.outputs)) {
    if (Array.isArray(output))
      for (const ref of output as readonly OutputRef[]) place(`${name}/${axesName(ref.axes)}`, ref);
    else place(name, output as OutputRef);
  }
  return placed;
};

export interface WrittenResults {
  /** The paths of what this run's outputs were written to. */
  readonly written: readonly string[];
  /** What an earlier run wrote here and this one did not replace, by the names in the folder. */
  readonly earlier: readonly EarlierOutput[];
}

/**
 * Writes the pipeline's named outputs and `provenance.json` into `folder`, which changes whole or not at all. What an
 * earlier run wrote and this one has no result for stays, and `provenance.json` says of which run each file is. Only
 * with `prune`, for a run that brought about all outputs, what is none of them any more is removed, with the folders
 * that this leaves empty. What no run wrote is never touched.
 */
export async function writeResults(
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
  options: { readonly prune: boolean },
): Promise<WrittenResults> {
  const about = { holder: `results of run ${result.run}` };
  const lease = await store.leases.acquire(digestOf(`results ${path.resolve(folder)}`), about);
  try {
    await finishChange(folder);
    return await change(graph, result, store, folder, options);
  } catch (error) {
    throw resultsError(error, folder);
  } finally {
    await lease.release();
  }
}

async function change(
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
  { prune }: { readonly prune: boolean },
): Promise<WrittenResults> {
  const outputs = placeOutputs(graph, result.records);
  const before = await readProvenance(folder);
  const old = (await earlierOutputs(folder, before)).filter(({ file }) => !outputs.some((now) => now.file === file));
  if (outputs.length === 0 && !(prune && old.length > 0)) return { written: [], earlier: old };
  const blocking = inTheWay(old, outputs);
  const removed = prune ? old : blocking;
  const earlier = old.filter((output) => !removed.includes(output));
  const begun = await beginChange(folder);
  try {
    for (const { file, artifact } of outputs) {
      await refuseToReplaceOthers(folder, file, artifact, removed);
      await store.artifacts.export(artifact, begun.place(file));
    }
    const plan = { put: outputs.map(({ file }) => file), remove: removed.map(({ file }) => file) };
    await begun.commit(plan, provenanceText(provenanceOf(graph, result, outputs, earlier, before)));
  } finally {
    await begun.end();
  }
  return { written: outputs.map(({ file }) => path.join(folder, file)), earlier };
}

/** A folder is replaced whole, so nothing may be in it that no run put there. */
async function refuseToReplaceOthers(
  folder: string,
  file: string,
  artifact: StoredArtifact,
  removed: readonly EarlierOutput[],
): Promise<void> {
  const target = path.join(folder, file);
  const entries = await readdir(target, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const place = path.join(entry.parentPath, entry.name);
    const isOurs =
      Object.hasOwn(artifact.files ?? {}, path.relative(target, place).replaceAll(path.sep, '/')) ||
      removed.some(
        (output) => place === path.join(folder, output.file) || isBelow(path.join(folder, output.file), place),
      );
    if (isOurs) continue;
    throw new StoreError('io', `${target} holds ${path.relative(target, place)}, which would be lost.`, {
      hint: 'Move it away, or name another folder with --out.',
      path: target,
    });
  }
}

function isBelow(outer: string, place: string): boolean {
  return place.startsWith(outer + path.sep);
}
