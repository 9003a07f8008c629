import { isRecord, type JsonObject } from '@sonde/base';
import type { Axes, TaskNode } from '@sonde/pipeline';
import type { Key, ResultRecord, RunDetail, Store } from '@sonde/store';
import { type AddedAxes, createAddedAxes } from './added-axes.ts';
import { differences } from './differences.ts';
import { inputNotes, type ResolvedInputs } from './inputs.ts';
import type { FieldChange } from './reason.ts';

/** How many past runs of a pipeline are asked for earlier results of a task, and how many results of a kind otherwise. */
const RUNS = 5;
const RESULTS_OF_A_KIND = 64;

export interface Nearest {
  readonly record: ResultRecord;
  readonly changes: readonly FieldChange[];
}

export interface History {
  /** The earlier result that is nearest to a fingerprint: fewest differing fields, then newest. */
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
 * Looks for earlier results: first those of the same task in the last runs of the same pipeline, else any of the same
 * kind. Read when first asked, so that a run in which nothing is to do reads none of it; what a run itself computes
 * later does not change its answers.
 */
export function createHistory(store: Store, pipeline: string): History {
  let earlierKeys: Promise<Map<string, Key[]>> | undefined;
  let added: Promise<AddedAxes> | undefined;
  const ofKind = new Map<string, Promise<ResultRecord[]>>();

  const earlier = (): Promise<Map<string, Key[]>> => {
    earlierKeys ??= keysOfEarlierRuns(store, pipeline);
    return earlierKeys;
  };
  const ofTask = async (task: TaskNode): Promise<ResultRecord[]> => {
    const keys = (await earlier()).get(task.id) ?? [];
    const records = await Promise.all(keys.map((key) => store.results.get(key)));
    return records.filter((record) => record !== undefined && record.fingerprint.kind === task.kind) as ResultRecord[];
  };
  const sameKind = (kind: string): Promise<ResultRecord[]> => {
    let records = ofKind.get(kind);
    if (records === undefined) {
      records = store.results
        .nearest(kind, RESULTS_OF_A_KIND)
        .then((found) => found.filter((record) => record.fingerprint.shard === undefined));
      ofKind.set(kind, records);
    }
    return records;
  };

  return {
    async nearest(task, { key, fingerprint, inputs }) {
      // Both are read before anything runs, whichever is used.
      const [own, others] = await Promise.all([ofTask(task), sameKind(task.kind)]);
      const isOther = (record: ResultRecord) => record.key !== key;
      const candidates = own.some(isOther) ? own.filter(isOther) : others.filter(isOther);
      let best: Nearest | undefined;
      for (const record of candidates) {
        const changes = differences(record.fingerprint, fingerprint, best?.changes.length);
        if (best === undefined || changes.length < best.changes.length) best = { record, changes };
      }
      return best && { ...best, changes: withOrigins(best.changes, best.record, inputs) };
    },
    async addedAxes(task) {
      added ??= earlier().then((keys) => createAddedAxes(new Set(keys.keys())));
      return (await added)(task);
    },
  };
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
