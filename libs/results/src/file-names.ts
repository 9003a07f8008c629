import type { JsonObject, JsonValue } from '@sonde/base';
import type { Graph, OutputRef } from '@sonde/pipeline';
import type { ResultRecord, StoredArtifact } from '@sonde/store';
import type { Placed } from './provenance.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  table: '.parquet',
  tensors: '.safetensors',
  json: '.json',
  html: '.html',
};

/** A file name for an artifact: its output's name, for a collected one its axis values; an extension by its type. */
function fileNameOf(base: string, artifact: StoredArtifact): string {
  return base + (artifact.files === undefined ? (EXTENSIONS[artifact.type] ?? '') : '');
}

/** A value as people call it: an object by its `name`. */
function axisText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  const { name } = (typeof value === 'object' && value !== null ? value : {}) as JsonObject;
  return typeof name === 'string' ? name : JSON.stringify(value);
}

function axesName(axes: OutputRef['axes']): string {
  return Object.entries(axes)
    .map(([axis, value]) => `${axis}=${axisText(value)}`)
    .join(',')
    .replace(/[^A-Za-z0-9._=,@+-]+/g, '_')
    .slice(0, 120);
}

/** Where each output of the pipeline goes; outputs whose task did not succeed are left out. */
export function placeOutputs(graph: Graph, records: ReadonlyMap<string, ResultRecord>): Placed[] {
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
}
