import type { JsonObject } from '@sonde/pipeline';
import { BlobDamaged, keyOf, type ResultRecord } from '@sonde/store';
import type { Failure } from './events.ts';
import type { Execution, UnitResult } from './execution.ts';
import { NotComputed } from './failure.ts';
import { fingerprintOf } from './fingerprint.ts';
import { inputNotes } from './inputs.ts';
import { createShardProgress } from './shard-progress.ts';
import type { Shard } from './step.ts';
import type { MissedDecision, ReadyTask } from './task-run.ts';
import { computeUnit, storedResult, type Unit } from './unit.ts';

/** How the task divides; empty where it runs whole. */
export async function shardsOf({ kind, config }: ReadyTask): Promise<readonly Shard[]> {
  return kind.division === undefined ? [] : kind.division.divide(config);
}

/** Computes the shards that the store does not have, then joins all of them. */
export async function computeShards(
  execution: Execution,
  ready: ReadyTask,
  shards: readonly Shard[],
  decision: MissedDecision,
): Promise<UnitResult> {
  const { task, config, kind } = ready;
  const rank = execution.ranks.get(task.id)!;
  const progress = createShardProgress(shards.length, ready.unit.listener);
  let oneFailed = false;
  const units = shards.map((shard, index) => ({
    ...shardUnit(ready, shard, rank, progress.ofShard(index)),
    isPointless: () => oneFailed,
    onFailure: (failure: Failure) => {
      oneFailed = true;
      ready.unit.onFailure(failure);
    },
  }));
  const computed = await Promise.allSettled(
    units.map(async (unit, index) => {
      const stored = ready.force
        ? undefined
        : await execution.reading.add(() => storedResult(execution, task, unit.key));
      const result =
        stored === undefined ? await computeUnit(execution, unit) : { record: stored, hit: true, seconds: 0 };
      progress.finished(index, result.record);
      return result;
    }),
  );
  const failures = computed.filter((result) => result.status === 'rejected').map((result): unknown => result.reason);
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof NotComputed)) ?? failures[0];
  const results = computed.map((result) => (result as PromiseFulfilledResult<UnitResult>).value);
  const records = results.map((result) => result.record);
  const parts = await Promise.all(records.map((record, index) => partPaths(execution, units[index]!, record)));
  const whole = await computeUnit(execution, {
    ...ready.unit,
    affinity: undefined,
    key: decision.key,
    fingerprint: decision.fingerprint,
    // Before the shards of other tasks: it is short, and what waits for the task waits for it.
    rank: rank + 0.5,
    secondsBefore: records.reduce((sum, record) => sum + record.seconds, 0),
    notes: () => ({ inputs: inputNotes(decision.inputs), shards: records.map((record) => record.key) }),
    job: ({ out }) => ({ type: 'combine', kind: kind.kind, config, parts, out }),
  });
  return { ...whole, seconds: results.reduce((sum, result) => sum + result.seconds, whole.seconds) };
}

function shardUnit(
  ready: ReadyTask,
  shard: Shard,
  rank: number,
  progress: { report(done: number, total: number, unit: string): void; notes(): JsonObject },
): Unit {
  const { kind, config } = ready;
  const fingerprint = fingerprintOf({ kind, config, shard: shard.identity });
  return {
    ...ready.unit,
    key: keyOf(fingerprint),
    fingerprint,
    rank,
    listener: { ...ready.unit.listener, progress: progress.report },
    secondsBefore: 0,
    notes: progress.notes,
    job: (place) => ({ type: 'run', kind: kind.kind, config, shard: shard.range, ...place }),
  };
}

/** Output name → verified path. A shard whose bytes turn out damaged is computed again, once. */
async function partPaths(execution: Execution, unit: Unit, record: ResultRecord): Promise<Record<string, string>> {
  const locate = async (result: ResultRecord) => {
    const paths: Record<string, string> = {};
    for (const name of Object.keys(unit.task.outputs)) {
      paths[name] = await execution.reading.add(() => execution.store.materialize(result.outputs[name]!));
    }
    return paths;
  };
  try {
    return await locate(record);
  } catch (error) {
    if (!(error instanceof BlobDamaged)) throw error;
  }
  execution.units.delete(unit.key);
  return locate((await computeUnit(execution, unit)).record);
}
