import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunResult } from '@sonde/executor';
import type { Graph, JsonObject, JsonValue, OutputRef, TaskNode } from '@sonde/pipeline';
import { canonicalJson, type ResultRecord, type Store, type StoredArtifact } from '@sonde/store';
import { version } from './package.ts';

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

interface Placed {
  readonly file: string;
  readonly artifact: StoredArtifact;
}

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
    placed.push({ file, artifact });
  };
  for (const [name, output] of Object.entries(graph.outputs)) {
    if (Array.isArray(output))
      for (const ref of output as readonly OutputRef[]) place(`${name}/${axesName(ref.axes)}`, ref);
    else place(name, output as OutputRef);
  }
  return placed;
};

const provenanceOf = (graph: Graph, result: RunResult, outputs: readonly Placed[]) => ({
  sonde: version(),
  pipeline: { name: graph.name, description: graph.description, files: graph.files.map(({ sha256 }) => ({ sha256 })) },
  params: graph.params,
  run: result.run,
  software: { node: process.version, platform: `${process.platform} ${process.arch}` },
  outputs: Object.fromEntries(outputs.map(({ file, artifact }) => [file, artifact.digest])),
  tasks: graph.tasks.flatMap((task: TaskNode) => {
    const record = result.records.get(task.id);
    if (record === undefined) return [];
    const { key, fingerprint, created, seconds } = record;
    const digests = Object.fromEntries(Object.entries(record.outputs).map(([name, { digest }]) => [name, digest]));
    return [{ task: task.id, key, created, seconds, fingerprint, outputs: digests }];
  }),
});

/** Reads what an earlier run wrote here, so that what is unchanged is left alone and what is gone is removed. */
const earlierOutputs = async (folder: string): Promise<Record<string, string>> => {
  try {
    const { outputs } = JSON.parse(await readFile(path.join(folder, 'provenance.json'), 'utf8')) as {
      outputs?: Record<string, string>;
    };
    return outputs ?? {};
  } catch {
    return {};
  }
};

/**
 * Writes the pipeline's named outputs and `provenance.json` into `folder`. Files of an earlier run that are no longer
 * outputs are removed; nothing else in the folder is touched.
 */
export const writeResults = async (
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
): Promise<string[]> => {
  const outputs = placeOutputs(graph, result.records);
  await mkdir(folder, { recursive: true });
  const earlier = await earlierOutputs(folder);
  const current = new Set(outputs.map(({ file }) => file));
  for (const file of Object.keys(earlier)) {
    const target = path.resolve(folder, file);
    if (!current.has(file) && target.startsWith(path.resolve(folder) + path.sep))
      await rm(target, { recursive: true, force: true });
  }
  for (const { file, artifact } of outputs) {
    const target = path.join(folder, file);
    await mkdir(path.dirname(target), { recursive: true });
    await store.exportArtifact(artifact, target);
  }
  await writeFile(
    path.join(folder, 'provenance.json'),
    `${JSON.stringify(JSON.parse(canonicalJson(provenanceOf(graph, result, outputs) as never)), null, 2)}\n`,
  );
  return outputs.map(({ file }) => path.join(folder, file));
};
