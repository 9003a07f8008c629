import type { JsonObject } from '@sonde/base';
import { BlobDamaged, keyOf, type ResultRecord } from '@sonde/store';
import { fingerprintOf } from '../decide/fingerprint.ts';
import { inputNotes } from '../decide/inputs.ts';
import { type Failure, NotComputed } from '../failure.ts';
import type { OrderInput } from '../spool/input.ts';
import type { Shard } from '../step.ts';
import type { Reader } from './reader.ts';
import type { ReadyTask } from './ready-task.ts';
import { createShardProgress, type ShardProgress } from './shard-progress.ts';
import type { Unit, UnitResult } from './unit.ts';
import type { Units } from './units.ts';

/** A shard as the task needs it. */
interface Part {
  readonly unit: Unit;
  /** Its result, where the store has it. */
  readonly stored: ResultRecord | undefined;
}

export interface Parts {
  readonly parts: readonly Part[];
  readonly progress: ShardProgress;
}

/** Tasks that divide: finds out how, computes what is missing, joins all. */
export interface Shards {
  /** How the task divides, and what of it is in the store; no parts where it runs whole. */
  divide(ready: ReadyTask): Promise<Parts>;
  /** Computes the shards that the store does not have, then joins all of them. */
  compute(ready: ReadyTask, parts: Parts): Promise<UnitResult>;
}

export function createShards(reader: Reader, units: Units): Shards {
  /** The tasks that are being divided now. Nobody of them waits for a worker. */
  const dividing = new Set<Promise<unknown>>();
  return {
    async divide(ready) {
      const work = findParts(reader, ready);
      dividing.add(work);
      try {
        return await work;
      } finally {
        dividing.delete(work);
      }
    },
    async compute(ready, parts) {
      const shards = await computeMissing(units, parts, Promise.allSettled([...dividing]));
      const records = shards.map(({ record }) => record);
      const paths = await Promise.all(
        records.map((record, index) => partPaths(reader, units, parts.parts[index]!.unit, record)),
      );
      const whole = await units.compute(joiningUnit(ready, records, paths));
      return { ...whole, seconds: shards.reduce((sum, { seconds }) => sum + seconds, whole.seconds) };
    },
  };
}

async function findParts(reader: Reader, ready: ReadyTask): Promise<Parts> {
  const { kind, config, task } = ready;
  const shards = kind.division === undefined ? [] : await kind.division.divide(config);
  const progress = createShardProgress(shards, ready.unit.listener);
  let oneFailed = false;
  const said = new Set<string>();
  const log: Unit['listener']['log'] = (level, message) => {
    // What every shard has to say is said once.
    if (said.has(message)) return;
    said.add(message);
    ready.unit.listener.log(level, message);
  };
  const find = async (shard: Shard, index: number): Promise<Part> => {
    const unit: Unit = {
      ...shardUnit(ready, shard, index, progress, log),
      isPointless: () => oneFailed,
      onFailure: (failure: Failure) => {
        oneFailed = true;
        ready.unit.onFailure(failure);
      },
    };
    const stored = unit.force ? undefined : await reader.result(task, unit.key);
    if (stored !== undefined) progress.finished(index, stored);
    return { unit, stored };
  };
  return { parts: await Promise.all(shards.map(find)), progress };
}

/** The results of all shards. Throws what failed rather than what was not computed because of it. */
async function computeMissing(
  units: Units,
  { parts, progress }: Parts,
  othersDivided: Promise<unknown>,
): Promise<readonly UnitResult[]> {
  const first = parts.findIndex(({ stored }) => stored === undefined);
  const computed = await Promise.allSettled(
    parts.map(async ({ unit, stored }, index): Promise<UnitResult> => {
      if (stored !== undefined) return { record: stored, hit: true, seconds: 0 };
      // One shard keeps a worker busy; which task the other workers begin with is chosen when all are known.
      if (index !== first) await othersDivided;
      const result = await units.compute(unit);
      progress.finished(index, result.record);
      return result;
    }),
  );
  const failures = computed.filter((result) => result.status === 'rejected').map((result): unknown => result.reason);
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof NotComputed)) ?? failures[0];
  return computed.map((result) => (result as PromiseFulfilledResult<UnitResult>).value);
}

function shardUnit(
  ready: ReadyTask,
  shard: Shard,
  index: number,
  progress: ShardProgress,
  log: Unit['listener']['log'],
): Unit {
  const { kind, config, unit } = ready;
  const fingerprint = fingerprintOf({ kind, config, provider: unit.needs.provider, shard: shard.identity });
  return {
    ...unit,
    key: keyOf(fingerprint),
    fingerprint,
    onStart(device, attempt) {
      unit.onStart(device, attempt);
      progress.begin();
    },
    listener: { ...unit.listener, log, progress: (done, total, name) => progress.report(index, done, total, name) },
    secondsBefore: 0,
    notes: (): JsonObject => progress.notes(index),
    job: (place) => ({ type: 'run', kind: kind.kind, config, shard: shard.range, ...place }),
  };
}

function joiningUnit(
  { kind, config, decision, unit }: ReadyTask,
  records: readonly ResultRecord[],
  parts: readonly Readonly<Record<string, string>>[],
): Unit {
  return {
    ...unit,
    needs: { ...unit.needs, affinity: undefined, devices: 1, completes: true },
    key: decision.key,
    fingerprint: decision.fingerprint,
    secondsBefore: records.reduce((sum, record) => sum + record.seconds, 0),
    notes: () => ({ inputs: inputNotes(decision.inputs), shards: records.map((record) => record.key) }),
    inputs: () => [...unit.inputs(), ...partInputs(records, parts)],
    job: ({ out }) => ({ type: 'combine', kind: kind.kind, config, parts, out }),
  };
}

function partInputs(
  records: readonly ResultRecord[],
  parts: readonly Readonly<Record<string, string>>[],
): OrderInput[] {
  return records.flatMap(({ outputs }, index) =>
    Object.entries(parts[index]!).map(([name, path]) => ({ path, stored: outputs[name]! })),
  );
}

/** Output name → verified path. A shard whose bytes turn out damaged is computed again, once. */
async function partPaths(
  reader: Reader,
  units: Units,
  unit: Unit,
  record: ResultRecord,
): Promise<Record<string, string>> {
  const locate = async (result: ResultRecord) => {
    const paths: Record<string, string> = {};
    for (const name of Object.keys(unit.task.outputs)) paths[name] = await reader.open(result.outputs[name]!);
    return paths;
  };
  try {
    return await locate(record);
  } catch (error) {
    if (!(error instanceof BlobDamaged)) throw error;
  }
  units.forget(unit.key);
  return locate((await units.compute(unit)).record);
}
