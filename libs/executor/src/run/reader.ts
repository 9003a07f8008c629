import type { TaskNode } from '@sonde/pipeline';
import type { Key, ResultRecord, Store, StoredArtifact } from '@sonde/store';
import PQueue from 'p-queue';
import { damagedOutputs } from '../decide/inputs.ts';

/** Stored content that is read and checked at a time. */
const READING = 4;

/** Reads from the store, a few things at a time. What is damaged is set aside, and a `BlobDamaged`. */
export interface Reader {
  result(task: TaskNode, key: Key): Promise<ResultRecord | undefined>;
  /** Checks an artifact's content and gives its path. */
  open(artifact: StoredArtifact): Promise<string>;
  check(artifact: StoredArtifact): Promise<void>;
}

export function createReader(store: Store): Reader {
  const reading = new PQueue({ concurrency: READING });
  return {
    result: (task, key) => reading.add(() => wholeResult(store, task, key)),
    open: (artifact) => reading.add(() => store.artifacts.open(artifact)),
    check: (artifact) => reading.add(() => store.artifacts.check(artifact)),
  };
}

/** A whole result of the store, or none. */
export async function wholeResult(
  store: Store,
  task: Pick<TaskNode, 'outputs'>,
  key: Key,
): Promise<ResultRecord | undefined> {
  const record = await store.results.get(key);
  if (record === undefined) return undefined;
  return (await damagedOutputs(task, record, store)).length === 0 ? record : undefined;
}
