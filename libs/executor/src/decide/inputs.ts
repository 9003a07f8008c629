import type { OutsideData } from '@sonde/data';
import {
  type DataRef,
  isDataRef,
  isOutputRef,
  type OutputRef,
  type TaskId,
  type TaskNode,
  type Value,
} from '@sonde/pipeline';
import { isObtainable, type ResultRecord, type Store, type StoredArtifact } from '@sonde/store';
import { type InputArtifact, isInputArtifact, type RunConfig, type RunValue } from '../step.ts';

/** Where one input's bytes come from. */
export type InputSource =
  | { readonly from: 'outside'; readonly ref: string; readonly data: OutsideData }
  | {
      readonly from: 'task';
      readonly task: TaskId;
      readonly output: string;
      readonly artifact: StoredArtifact;
    };

/** A task's config with every input's digest known, and where each input comes from. Paths come when it runs. */
export interface ResolvedInputs {
  readonly config: RunConfig;
  readonly sources: ReadonlyMap<InputArtifact, InputSource>;
}

/** Looks up the result of another task; `undefined` while it has none. */
export type RecordOf = (task: TaskId) => ResultRecord | undefined;

/** The tasks among those referred to that have no result yet: while there are any, the inputs are not known. */
export function missingTasks(task: TaskNode, recordOf: RecordOf): TaskId[] {
  const missing = new Set<TaskId>();
  visitRefs(task.with, (value) => {
    if (isOutputRef(value) && recordOf(value.task) === undefined) missing.add(value.task);
  });
  return [...missing];
}

/** Calls back for every reference of a config, in order. */
export function visitRefs(value: Value, visit: (ref: Value) => void): void {
  if (value === null || typeof value !== 'object') return;
  if (isOutputRef(value) || isDataRef(value)) visit(value);
  else for (const member of Object.values(value)) visitRefs(member, visit);
}

/** Replaces every reference by the artifact it stands for. Call it when no task is missing. */
export async function resolveInputs(
  task: TaskNode,
  recordOf: RecordOf,
  dataOf: (ref: DataRef) => Promise<OutsideData>,
): Promise<ResolvedInputs> {
  const sources = new Map<InputArtifact, InputSource>();
  const resolve = async (value: Value): Promise<RunValue> => {
    if (value === null || typeof value !== 'object') return value;
    if (isOutputRef(value)) return add(fromTask(value, recordOf));
    if (isDataRef(value)) {
      const data = await dataOf(value);
      return add([
        { $: 'artifact', type: data.type, path: '', digest: data.digest, axes: {}, ref: value.ref },
        { from: 'outside', ref: value.ref, data },
      ]);
    }
    if (Array.isArray(value)) return Promise.all(value.map(resolve));
    const members = Object.entries(value);
    const resolved = await Promise.all(members.map(async ([name, member]) => [name, await resolve(member)] as const));
    return Object.fromEntries(resolved);
  };
  const add = ([artifact, source]: readonly [InputArtifact, InputSource]): InputArtifact => {
    sources.set(artifact, source);
    return artifact;
  };
  return { config: (await resolve(task.with)) as RunConfig, sources };
}

function fromTask(ref: OutputRef, recordOf: RecordOf): readonly [InputArtifact, InputSource] {
  const artifact = recordOf(ref.task)?.outputs[ref.output];
  if (artifact === undefined) throw new Error(`${ref.task} has no result with an output \`${ref.output}\`.`);
  return [
    { $: 'artifact', type: ref.type, path: '', digest: artifact.digest, axes: ref.axes },
    { from: 'task', task: ref.task, output: ref.output, artifact },
  ];
}

/** The config as a step is to see it: every artifact at its path. */
export function withPaths(config: RunConfig, paths: ReadonlyMap<InputArtifact, string>): RunConfig {
  const place = (value: RunValue): RunValue => {
    if (value === null || typeof value !== 'object') return value;
    if (isInputArtifact(value)) return { ...value, path: paths.get(value) ?? value.path };
    if (Array.isArray(value)) return value.map(place);
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, place(member)]));
  };
  return place(config) as RunConfig;
}

/** For a result's notes: config path → where that input came from. Not part of the fingerprint. */
export function inputNotes({ config, sources }: ResolvedInputs): Record<string, string> {
  const notes: Record<string, string> = {};
  const visit = (value: RunValue, path: string): void => {
    if (value === null || typeof value !== 'object') return;
    if (!isInputArtifact(value)) {
      for (const [name, member] of Object.entries(value)) visit(member, path === '' ? name : `${path}.${name}`);
      return;
    }
    const source = sources.get(value);
    if (source !== undefined) notes[path] = source.from === 'task' ? `${source.task}.${source.output}` : nameOf(source);
  };
  visit(config, '');
  return notes;
}

function nameOf({ ref, data }: InputSource & { readonly from: 'outside' }): string {
  return data.identity ?? ref;
}

/** Whether a result is whole: it has the task's outputs, and their bytes are there. Names those that are not. */
export async function damagedOutputs(
  task: Pick<TaskNode, 'outputs'>,
  record: ResultRecord,
  store: Store,
): Promise<string[]> {
  const names = Object.keys(task.outputs);
  const present = await Promise.all(
    names.map((name) => {
      const artifact = record.outputs[name];
      return artifact === undefined ? 'missing' : store.artifacts.presence(artifact);
    }),
  );
  return names.filter((_, index) => !isObtainable(present[index]!));
}
