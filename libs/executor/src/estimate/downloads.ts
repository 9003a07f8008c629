import { type DataResolver, DataUnknown } from '@sonde/data';
import { isDataRef, isOutputRef, type TaskId, type TaskNode } from '@sonde/pipeline';
import type { ResultRecord, Store } from '@sonde/store';
import { visitRefs } from '../decide/inputs.ts';

/** What has to be brought here before it can be read. */
export interface Download {
  /** A reference to data, or an output of a task whose result another store has. */
  readonly what: string;
  /** Undefined where only another machine knows, which is not asked. */
  readonly bytes: number | undefined;
}

/** What these tasks read that is not here, each thing once. Brings nothing, and asks nobody. */
export async function downloadsOf(
  tasks: readonly TaskNode[],
  places: {
    readonly store: Store;
    readonly data: DataResolver;
    recordOf(task: TaskId): ResultRecord | undefined;
  },
): Promise<readonly Download[]> {
  const asked = new Map<string, () => Promise<number | undefined>>();
  for (const task of tasks) {
    visitRefs(task.with, (ref) => {
      if (isDataRef(ref)) asked.set(ref.ref, async () => (await places.data(ref)).missing());
      if (!isOutputRef(ref)) return;
      const stored = places.recordOf(ref.task)?.outputs[ref.output];
      if (stored === undefined) return;
      const elsewhere = async () => (await places.store.artifacts.presence(stored)) === 'elsewhere';
      asked.set(`${ref.task}.${ref.output}`, async () => ((await elsewhere()) ? stored.size : 0));
    });
  }
  const found: Download[] = [];
  for (const [what, missing] of asked) {
    const bytes = await missing().catch((error: unknown) => {
      if (error instanceof DataUnknown) return undefined;
      throw error;
    });
    if (bytes !== 0) found.push({ what, bytes });
  }
  return found;
}
