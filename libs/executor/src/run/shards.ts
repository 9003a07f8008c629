import type { JsonObject } from '@sonde/base';
import { BlobDamaged, keyOf, type ResultRecord } from '@sonde/store';
import { fingerprintOf } from '../decide/fingerprint.ts';
import { inputNotes } from '../decide/inputs.ts';
import { NotComputed } from '../failure.ts';
import type { Shard } from '../step.ts';
import type { Failure } from './events.ts';
import type { Execution, UnitResult } from './execution.ts';
import { createShardProgress, type ShardProgress } from './shard-progress.ts';
import type { MissedDecision, ReadyTask } from './task-run.ts';
import { computeUnit, storedResult, type Unit } from './unit.ts';

/** A shard as the task needs it. */
export interface Part {
  readonly unit: Unit;
  /** Its result, where the store has it. */
  readonly stored: ResultRecord | undefined;
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly progress: ShardProgress;
}

/** How the task divides, and what of it is in the store; no parts where it runs whole. */
export async function divide(execution: Execution, ready: ReadyTask): Promise<Parts> {
  const work = findParts(execution, ready);
  execution.dividing.add(work);
  try {
    return await work;
  } finally {
    execution.dividing.delete(work);
  }
}

async function findParts(execution: Execution, ready: ReadyTask): Promise<Parts> {
  const { kind, config, task, force } = ready;
  const shards = kind.division === undefined ? [] : await kind.division.divide(config);
  const progress = createShardProgress(shards, ready.unit.listener);
  const rank = execution.ranks.get(task.id)!;
  let oneFailed = false;
  const find = async (shard: Shard, index: number): Promise<Part> => {
    const unit: Unit = {
      ...shardUnit(ready, shard, rank, index, progress),
      isPointless: () => oneFailed,
      onFailure: (failure: Failure) => {
        oneFailed = true;
        ready.unit.onFailure(failure);
      },
    };
    const stored = force ? undefined : await execution.reading.add(() => storedResult(execution, task, unit.key));
    if (stored !== undefined) progress.finished(index, stored);
    return { unit, stored };
  };
  return { parts: await Promise.all(shards.map(find)), progress };
}

/** Computes the shards that the store does not have, then joins all of them. */
export async function computeParts(
  execution: Execution,
  ready: ReadyTask,
  { parts, progress }: Parts,
  decision: MissedDecision,
): Promise<UnitResult> {
  const { config, kind } = ready;
  const first = parts.findIndex(({ stored }) => stored === undefined);
  const othersDivided = Promise.allSettled([...execution.dividing]);
  const computed = await Promise.allSettled(
    parts.map(async ({ unit, stored }, index): Promise<UnitResult> => {
      if (stored !== undefined) return { record: stored, hit: true, seconds: 0 };
      // One shard keeps a worker busy; which task the other workers begin with is chosen when all are known.
      if (index !== first) await othersDivided;
      const result = await computeUnit(execution, unit);
      progress.finished(index, result.record);
      return result;
    }),
  );
  const failures = computed.filter((result) => result.status === 'rejected').map((result): unknown => result.reason);
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof NotComputed)) ?? failures[0];
  const results = computed.map((result) => (result as PromiseFulfilledResult<UnitResult>).value);
  const records = results.map((result) => result.record);
  const paths = await Promise.all(records.map((record, index) => partPaths(execution, parts[index]!.unit, record)));
  const whole = await computeUnit(execution, {
    ...ready.unit,
    affinity: undefined,
    completes: true,
    key: decision.key,
    fingerprint: decision.fingerprint,
    rank: execution.ranks.get(ready.task.id)!,
    secondsBefore: records.reduce((sum, record) => sum + record.seconds, 0),
    notes: () => ({ inputs: inputNotes(decision.inputs), shards: records.map((record) => record.key) }),
    job: ({ out }) => ({ type: 'combine', kind: kind.kind, config, parts: paths, out }),
  });
  return { ...whole, seconds: results.reduce((sum, result) => sum + result.seconds, whole.seconds) };
}

function shardUnit(ready: ReadyTask, shard: Shard, rank: number, index: number, progress: ShardProgress): Unit {
  const { kind, config } = ready;
  const { provider } = ready.unit;
  const fingerprint = fingerprintOf({ kind, config, provider, shard: shard.identity });
  return {
    ...ready.unit,
    key: keyOf(fingerprint),
    fingerprint,
    rank,
    completes: false,
    onStart(device, attempt) {
      ready.unit.onStart(device, attempt);
      progress.begin();
    },
    listener: { ...ready.unit.listener, progress: (done, total, unit) => progress.report(index, done, total, unit) },
    secondsBefore: 0,
    notes: (): JsonObject => progress.notes(index),
    job: (place) => ({ type: 'run', kind: kind.kind, config, shard: shard.range, ...place }),
  };
}

/** Output name → verified path. A shard whose bytes turn out damaged is computed again, once. */
async function partPaths(execution: Execution, unit: Unit, record: ResultRecord): Promise<Record<string, string>> {
  const locate = async (result: ResultRecord) => {
    const paths: Record<string, string> = {};
    for (const name of Object.keys(unit.task.outputs)) {
      paths[name] = await execution.reading.add(() => execution.store.artifacts.open(result.outputs[name]!));
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
