import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { JsonObject, JsonValue } from '@sonde/base';
import type { RunResult } from '@sonde/executor';
import type { Graph, OutputRef } from '@sonde/pipeline';
import type { ResultRecord, Store, StoredArtifact } from '@sonde/store';
import {
  type EarlierOutput,
  earlierOutputs,
  inTheWay,
  type Placed,
  provenanceOf,
  readProvenance,
  removeOutputs,
  stillThere,
  writeProvenance,
} from './provenance.ts';
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
 * Writes the pipeline's named outputs and `provenance.json` into `folder`. What an earlier run wrote and this one has
 * no result for stays, and `provenance.json` says of which run each file is. Only with `prune`, for a run that brought
 * about all outputs, what is none of them any more is removed, with the folders that this leaves empty. What no run
 * wrote is never touched.
 */
export const writeResults = async (
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
  { prune }: { readonly prune: boolean },
): Promise<WrittenResults> => {
  const outputs = placeOutputs(graph, result.records);
  const before = await readProvenance(folder);
  const old = (await earlierOutputs(folder, before)).filter(({ file }) => !outputs.some((now) => now.file === file));
  if (outputs.length === 0 && !(prune && old.length > 0)) return { written: [], earlier: old };
  const written: Placed[] = [];
  const describe = async (rest: readonly EarlierOutput[]): Promise<void> => {
    const left = await stillThere(folder, rest, written);
    await writeProvenance(folder, provenanceOf(graph, result, written, left, before));
  };
  try {
    await mkdir(folder, { recursive: true });
    await removeOutputs(folder, inTheWay(old, outputs));
    for (const output of outputs) {
      await store.artifacts.export(output.artifact, path.join(folder, output.file));
      written.push(output);
    }
    if (prune) await removeOutputs(folder, old);
    await describe(old);
  } catch (error) {
    // What there is after a failure half-way is described as it is, if the disk still takes that.
    await describe(await earlierOutputs(folder, before)).catch(() => undefined);
    throw resultsError(error, folder);
  }
  const paths = written.map(({ file }) => path.join(folder, file));
  return { written: paths, earlier: await stillThere(folder, old, written) };
};
