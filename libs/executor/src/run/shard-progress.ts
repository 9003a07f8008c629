import type { JsonObject } from '@sonde/base';
import type { ResultRecord } from '@sonde/store';
import type { JobListener } from '../backends/backend.ts';
import type { Shard } from '../step.ts';

interface Counted {
  readonly done: number;
  readonly total: number;
}

/** The progress of a task that divides. */
export interface ShardProgress {
  /** A worker has begun with the task: from now on progress is told. */
  begin(): void;
  report(index: number, done: number, total: number, unit: string): void;
  finished(index: number, record: ResultRecord): void;
  /** What a shard notes beside its result. */
  notes(index: number): JsonObject;
}

/**
 * Adds up the progress of a task's shards: the total is always that of the whole task. A shard notes its own total
 * beside its result, so that those found in the store count too; shards of unknown size count by their weight, as the
 * known ones do. Steps that report nothing progress by whole shards.
 */
export function createShardProgress(shards: readonly Shard[], listener: Pick<JobListener, 'progress'>): ShardProgress {
  const known: (Counted | undefined)[] = shards.map(() => undefined);
  const finished = new Set<number>();
  const weightOf = (index: number): number => shards[index]?.weight ?? 1;
  const weight = shards.reduce((sum, _, index) => sum + weightOf(index), 0);
  let unit: string | undefined;
  let begun = false;

  const tell = () => {
    if (!begun) return;
    if (unit === undefined) {
      if (finished.size > 0) listener.progress(finished.size, shards.length, 'shards');
      return;
    }
    let [done, total, weightKnown] = [0, 0, 0];
    for (const [index, shard] of known.entries()) {
      if (shard === undefined) continue;
      done += shard.done;
      total += shard.total;
      weightKnown += weightOf(index);
    }
    listener.progress(done, weightKnown > 0 ? Math.round((total / weightKnown) * weight) : total, unit);
  };

  return {
    begin() {
      if (begun) return;
      begun = true;
      tell();
    },
    report(index, done, total, name) {
      unit = name;
      known[index] = { done, total };
      tell();
    },
    notes(index) {
      const total = known[index]?.total;
      return total === undefined || unit === undefined ? {} : { progress: { total, unit } };
    },
    finished(index, record) {
      finished.add(index);
      const noted = record.notes?.progress;
      if (noted !== null && typeof noted === 'object' && 'total' in noted && typeof noted.total === 'number') {
        known[index] = { done: noted.total, total: noted.total };
        if (typeof noted.unit === 'string') unit ??= noted.unit;
      }
      tell();
    },
  };
}
