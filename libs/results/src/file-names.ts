import type { JsonObject, JsonValue } from '@sonde/base';
import type { Axes, Graph, OutputRef, OutputSpec } from '@sonde/pipeline';
import type { ResultRecord, StoredArtifact } from '@sonde/store';
import type { Placed } from './provenance.ts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  table: '.parquet',
  tensors: '.safetensors',
  json: '.json',
  html: '.html',
};

/** What the name of an artifact's file ends with: its type says it, or the step that made it; nothing for a folder. */
export function extensionOf(artifact: StoredArtifact, spec: OutputSpec | undefined): string {
  return artifact.files === undefined ? (EXTENSIONS[artifact.type] ?? spec?.extension ?? '') : '';
}

/** Hands out file names, each once: a number before the ending tells equal ones apart. */
export function createNames(): (base: string, extension: string) => string {
  const taken = new Set<string>();
  return (base, extension) => {
    let file = base + extension;
    for (let n = 2; taken.has(file); n++) file = `${base}-${n}${extension}`;
    taken.add(file);
    return file;
  };
}

/** A value as people call it: an object by its `name`. */
function axisText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  const { name } = (typeof value === 'object' && value !== null ? value : {}) as JsonObject;
  return typeof name === 'string' ? name : JSON.stringify(value);
}

/** Axis values as a file name. */
export function axesName(axes: Axes): string {
  return Object.entries(axes)
    .map(([axis, value]) => `${axis}=${axisText(value)}`)
    .join(',')
    .replace(/[^A-Za-z0-9._=,@+-]+/g, '_')
    .slice(0, 120);
}

/** Where each output of the pipeline goes; outputs whose task did not succeed are left out. */
export function placeOutputs(graph: Graph, records: ReadonlyMap<string, ResultRecord>): Placed[] {
  const placed: Placed[] = [];
  const nameOf = createNames();
  const tasks = new Map(graph.tasks.map((task) => [task.id, task]));
  const place = (base: string, ref: OutputRef): void => {
    const artifact = records.get(ref.task)?.outputs[ref.output];
    if (artifact === undefined) return;
    const file = nameOf(base, extensionOf(artifact, tasks.get(ref.task)?.outputs[ref.output]));
    placed.push({ file, task: ref.task, artifact });
  };
  for (const [name, output] of Object.entries(graph.outputs)) {
    if (Array.isArray(output))
      for (const ref of output as readonly OutputRef[]) place(`${name}/${axesName(ref.axes)}`, ref);
    else place(name, output as OutputRef);
  }
  return placed;
}
