import type { JsonObject } from '@sonde/pipeline';
import type { ResultRecord } from '@sonde/store';
import type { JobListener } from './worker.ts';

interface Counted {
  done: number;
  total: number;
}

/**
 * Adds up the progress of a task's shards. A shard notes its total beside its result, so that those found in the
 * store count too; shards of unknown size count as the mean of the known ones. Steps that report nothing progress by
 * whole shards.
 */
export function createShardProgress(count: number, listener: Pick<JobListener, 'progress'>) {
  const known: (Counted | undefined)[] = Array.from({ length: count });
  const finished = new Set<number>();
  let unit: string | undefined;

  const tell = () => {
    if (unit === undefined) {
      listener.progress(finished.size, count, 'shards');
      return;
    }
    const counted = known.filter((shard) => shard !== undefined);
    const total = counted.reduce((sum, shard) => sum + shard.total, 0);
    const done = counted.reduce((sum, shard) => sum + shard.done, 0);
    listener.progress(done, Math.round((total / counted.length) * count), unit);
  };

  return {
    ofShard: (index: number) => ({
      report(done: number, total: number, name: string) {
        unit = name;
        known[index] = { done, total };
        tell();
      },
      notes(): JsonObject {
        const total = known[index]?.total;
        return total === undefined || unit === undefined ? {} : { progress: { total, unit } };
      },
    }),
    finished(index: number, record: ResultRecord) {
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
