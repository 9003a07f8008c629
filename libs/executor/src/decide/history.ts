import { isRecord, type JsonObject, memo } from '@sonde/base';
import type { Axes, TaskId, TaskNode } from '@sonde/pipeline';
import type { Key, ResultRecord, RunDetail, Store } from '@sonde/store';
import { type AddedAxes, createAddedAxes } from './added-axes.ts';
import { differences } from './differences.ts';
import { inputNotes, type ResolvedInputs } from './inputs.ts';
import type { FieldChange } from './reason.ts';

/** How many past runs of a pipeline are asked for earlier results of a task, and how many results of a step or a kind. */
const RUNS = 5;
const RESULTS = 64;

export interface Nearest {
  readonly record: ResultRecord;
  readonly changes: readonly FieldChange[];
}

export interface History {
  /**
   * Of what a person would call the earlier results of a task, the one nearest to its fingerprint: fewest differing
   * fields, then newest. That is what recent runs of the pipeline computed for the task; else for its step on other axes;
   * else for steps of its kind that the pipeline no longer has, of which it may be one under another name.
   */
  earlier(task: TaskNode, known: Fingerprinted): Promise<Nearest | undefined>;
  /** As `earlier`; where there is none, the nearest of the kind in the whole store. */
  nearest(task: TaskNode, known: Fingerprinted): Promise<Nearest | undefined>;
  /**
   * The axis values of a task that no recent run of the pipeline had, although it had others of the same step on the
   * same axes: all of the task's where only their combination is new. Undefined where a run had them, or not the step.
   */
  addedAxes(task: TaskNode): Promise<Axes | undefined>;
}

/** A task as far as it is decided. */
export interface Fingerprinted {
  readonly key: Key;
  readonly fingerprint: JsonObject;
  readonly inputs: ResolvedInputs;
}

/**
 * Looks for earlier results. Read when first asked, so that a run in which nothing is to do reads none of it; what a run
 * itself computes later does not change its answers.
 *
 * @param tasks of the pipeline as it is now
 */
export function createHistory(store: Store, pipeline: string, tasks: readonly TaskNode[]): History {
  let earlierKeys: Promise<Map<TaskId, Key[]>> | undefined;
  let added: Promise<AddedAxes> | undefined;
  const ofSteps = new Map<string, Promise<ResultRecord[]>>();
  const ofKinds = new Map<string, Promise<ResultRecord[]>>();
  const steps = new Set(tasks.map(({ step }) => step));

  const ofRuns = (): Promise<Map<TaskId, Key[]>> => {
    earlierKeys ??= keysOfEarlierRuns(store, pipeline);
    return earlierKeys;
  };
  const recordsOf = async (keys: Iterable<Key>): Promise<ResultRecord[]> => {
    const records = await Promise.all([...new Set(keys)].map((key) => store.results.get(key)));
    return records.filter((record) => record !== undefined);
  };
  const keysOfSteps = async (isOne: (step: string) => boolean): Promise<Key[]> =>
    [...(await ofRuns())].flatMap(([id, keys]) => (isOne(stepOf(id)) ? keys : [])).slice(0, RESULTS);
  const sameStep = (step: string): Promise<ResultRecord[]> =>
    memo(ofSteps, step, async () => recordsOf(await keysOfSteps((one) => one === step)));
  const goneSteps = (): Promise<ResultRecord[]> =>
    memo(ofSteps, '', async () => recordsOf(await keysOfSteps((one) => !steps.has(one))));
  const sameKind = (kind: string): Promise<ResultRecord[]> =>
    memo(ofKinds, kind, async () => {
      const found = await store.results.nearest(kind, RESULTS);
      return found.filter((record) => record.fingerprint.shard === undefined);
    });

  const nearestOf = async (
    task: TaskNode,
    { key, fingerprint, inputs }: Fingerprinted,
    among: readonly (readonly ResultRecord[])[],
  ): Promise<Nearest | undefined> => {
    for (const records of among) {
      let best: Nearest | undefined;
      for (const record of records) {
        if (record.key === key || record.fingerprint.kind !== task.kind) continue;
        const changes = differences(record.fingerprint, fingerprint, best?.changes.length);
        if (best === undefined || changes.length < best.changes.length) best = { record, changes };
      }
      if (best !== undefined) return { ...best, changes: withOrigins(best.changes, best.record, inputs) };
    }
    return undefined;
  };
  const ofPipeline = async ({ id, step }: TaskNode): Promise<ResultRecord[][]> =>
    Promise.all([recordsOf((await ofRuns()).get(id) ?? []), sameStep(step), goneSteps()]);

  return {
    earlier: async (task, known) => nearestOf(task, known, await ofPipeline(task)),
    nearest: async (task, known) => nearestOf(task, known, [...(await ofPipeline(task)), await sameKind(task.kind)]),
    async addedAxes(task) {
      added ??= ofRuns().then((keys) => createAddedAxes(new Set(keys.keys())));
      return (await added)(task);
    },
  };
}

/** `study/scores[model=a]` is of the step `study/scores`. */
function stepOf(id: TaskId): string {
  return id.split('[', 1)[0]!;
}

/** Says of changed inputs what they came from, then and now. */
function withOrigins(
  changes: readonly FieldChange[],
  earlier: ResultRecord,
  inputs: ResolvedInputs,
): readonly FieldChange[] {
  const then = isRecord(earlier.notes?.inputs) ? earlier.notes.inputs : {};
  const now = inputNotes(inputs);
  return changes.map((change) => {
    // The notes name inputs by their path inside `config`.
    const path = change.field.replace(/^config\./, '');
    const [wasFrom, nowFrom] = [then[path], now[path]];
    return {
      ...change,
      ...(typeof wasFrom === 'string' && change.was !== undefined ? { wasFrom } : {}),
      ...(nowFrom !== undefined && change.now !== undefined ? { nowFrom } : {}),
    };
  });
}

/** Task → the keys it had in earlier runs, newest first. */
async function keysOfEarlierRuns(store: Store, pipeline: string): Promise<Map<string, Key[]>> {
  const runs = (await store.runs.list()).filter((run) => run.pipeline === pipeline).slice(0, RUNS);
  const keys = new Map<string, Key[]>();
  for (const run of runs) {
    for (const [task, key] of keysOfRun(await store.runs.open(run.id))) {
      const known = keys.get(task);
      if (known === undefined) keys.set(task, [key]);
      else if (!known.includes(key)) known.push(key);
    }
  }
  return keys;
}

/** What the run planned, and what it learnt on the way. */
function keysOfRun(run: RunDetail): Map<string, Key> {
  const keys = new Map<string, Key>();
  for (const [task, key] of Object.entries(run.meta.plan)) if (key !== null) keys.set(task, key);
  for (const event of run.events) {
    if (event === null || typeof event !== 'object' || !('task' in event) || !('key' in event)) continue;
    const { event: name, task, key } = event;
    if (name !== 'task.finished' && name !== 'task.cached') continue;
    if (typeof task === 'string' && typeof key === 'string') keys.set(task, key as Key);
  }
  return keys;
}
