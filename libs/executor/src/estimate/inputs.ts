import type { DataResolver } from '@sonde/data';
import { type DataRef, isDataRef, isOutputRef, type OutputRef, type TaskId, type Value } from '@sonde/pipeline';
import type { ResultRecord, Store } from '@sonde/store';
import type { InputArtifact, RunConfig, RunValue } from '../step.ts';
import type { Shape } from './cost.ts';
import { workIn } from './work.ts';

/** Where the inputs of a task come from, as far as they are there. */
export interface InputPlaces {
  readonly store: Store;
  readonly data: DataResolver;
  recordOf(task: TaskId): ResultRecord | undefined;
  /** What is expected of the outputs of a task that has yet to run. */
  expectedOf(task: TaskId): Readonly<Record<string, Shape>> | undefined;
}

export interface ExpectedInputs {
  readonly config: RunConfig;
  expected(artifact: InputArtifact): Shape | undefined;
}

/** A task's config with each artifact at its path, where it is there, and else with what is expected of it. */
export async function expectInputs(config: Value, places: InputPlaces): Promise<ExpectedInputs> {
  const shapes = new Map<InputArtifact, Shape>();
  const resolve = async (value: Value): Promise<RunValue> => {
    if (value === null || typeof value !== 'object') return value;
    if (isOutputRef(value)) return fromTask(value, places, shapes);
    if (isDataRef(value)) return fromOutside(value, places);
    if (Array.isArray(value)) return Promise.all(value.map(resolve));
    const members = Object.entries(value);
    return Object.fromEntries(await Promise.all(members.map(async ([name, each]) => [name, await resolve(each)])));
  };
  return { config: (await resolve(config)) as RunConfig, expected: (artifact) => shapes.get(artifact) };
}

function fromTask(ref: OutputRef, { store, recordOf, expectedOf }: InputPlaces, shapes: Map<InputArtifact, Shape>) {
  const record = recordOf(ref.task);
  const stored = record?.outputs[ref.output];
  const artifact: InputArtifact = {
    $: 'artifact',
    type: ref.type,
    // A folder is put together when it is opened; its parts are no more than their size here.
    path: stored !== undefined && ref.type === 'table' ? store.blobs.path(stored.digest) : '',
    digest: stored?.digest ?? '',
    axes: ref.axes,
  };
  const expected = record === undefined ? expectedOf(ref.task) : workIn(record.notes)?.outputs;
  shapes.set(artifact, { ...expected?.[ref.output], ...(stored === undefined ? {} : { bytes: stored.size }) });
  return artifact;
}

async function fromOutside(ref: DataRef, { data }: InputPlaces): Promise<InputArtifact> {
  const artifact = { $: 'artifact', type: ref.types[0]!, path: '', digest: '', axes: {}, ref: ref.ref } as const;
  try {
    const found = await data(ref);
    const known = { ...artifact, type: found.type, digest: found.digest };
    // Nothing is brought for an estimate.
    if ((await found.missing()) !== 0) return known;
    const { signal } = new AbortController();
    return { ...known, path: await found.open({ signal, progress: () => {}, retry: () => {} }) };
  } catch {
    return artifact;
  }
}
