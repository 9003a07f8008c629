import type { TaskId, TaskNode } from '@sonde/pipeline';
import type { ResultRecord } from '@sonde/store';
import type { Failure } from '../failure.ts';
import type { Counts, Emit } from './events.ts';

/** How every task has ended so far, and with what; tells of each ending. A task that is healed ends again. */
export interface Ledger {
  readonly records: ReadonlyMap<TaskId, ResultRecord>;
  readonly failures: ReadonlyMap<TaskId, Failure>;
  recordOf(task: TaskId): ResultRecord | undefined;
  cached(task: TaskNode, record: ResultRecord): void;
  ran(task: TaskNode, record: ResultRecord, seconds: number): void;
  failed(task: TaskNode, failure: Failure): void;
  skipped(task: TaskNode, because: readonly TaskId[]): void;
  /** A result that was there is lost, and could not be made again. */
  forget(task: TaskId): void;
  /** The tasks because of which this one cannot be computed; `undefined` where nothing that it needs has failed. */
  blockers(task: TaskNode): TaskId[] | undefined;
  counts(): Counts;
}

export function createLedger(emit: Emit): Ledger {
  const endings = new Map<TaskId, keyof Counts>();
  const records = new Map<TaskId, ResultRecord>();
  const failures = new Map<TaskId, Failure>();
  const skippedBecause = new Map<TaskId, readonly TaskId[]>();
  return {
    records,
    failures,
    recordOf: (task) => records.get(task),
    cached({ id, step }, record) {
      records.set(id, record);
      endings.set(id, 'cached');
      emit({ event: 'task.cached', task: id, step, key: record.key });
    },
    ran({ id, step }, record, seconds) {
      records.set(id, record);
      endings.set(id, 'ran');
      const outputs = Object.entries(record.outputs).map(([name, artifact]) => [name, artifact.digest]);
      emit({ event: 'task.finished', task: id, step, key: record.key, seconds, outputs: Object.fromEntries(outputs) });
    },
    failed({ id, step }, failure) {
      failures.set(id, failure);
      endings.set(id, 'failed');
      records.delete(id);
      emit({ event: 'task.failed', task: id, step, failure });
    },
    skipped({ id, step }, because) {
      endings.set(id, 'skipped');
      skippedBecause.set(id, because);
      emit({ event: 'task.skipped', task: id, step, because });
    },
    forget: (task) => void records.delete(task),
    blockers({ needs }) {
      const because = needs.flatMap((id) => (endings.get(id) === 'failed' ? [id] : (skippedBecause.get(id) ?? [])));
      const blocked = because.length > 0 || needs.some((id) => endings.get(id) === 'skipped');
      return blocked ? [...new Set(because)] : undefined;
    },
    counts() {
      const counts = { cached: 0, ran: 0, failed: 0, skipped: 0 };
      for (const ending of endings.values()) counts[ending]++;
      return counts;
    },
  };
}
