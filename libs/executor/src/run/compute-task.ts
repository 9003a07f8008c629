import type { JsonObject } from '@sonde/base';
import type { TaskNode } from '@sonde/pipeline';
import type { ResultRecord } from '@sonde/store';
import type { MissedDecision } from '../decide/decide.ts';
import { inputNotes } from '../decide/inputs.ts';
import type { Ancestor, PipelineDescription } from '../step.ts';
import type { LocatedInputs, ReadInputs } from './read-inputs.ts';
import type { ReadyTask } from './ready-task.ts';
import type { Shards } from './shards.ts';
import type { Unit } from './unit.ts';
import type { Units } from './units.ts';

/** What became of a task that had to be computed; `ran`: this run did it, or some of it. */
export interface TaskOutcome {
  readonly record: ResultRecord;
  readonly ran: boolean;
  /** What the workers of this run spent on it, all shards together. */
  readonly seconds: number;
}

export interface Computing {
  readonly units: Units;
  readonly shards: Shards;
  readInputs(task: TaskNode, decision: MissedDecision): Promise<ReadInputs>;
  makeReady(task: TaskNode, inputs: LocatedInputs): Promise<ReadyTask>;
  /** For a kind that describes the pipeline. */
  describe(task: TaskNode): Description;
}

export interface Description {
  readonly pipeline: PipelineDescription;
  readonly ancestors: readonly Ancestor[];
}

/** Computes a task whose result is not in the store, whole or shard by shard. */
export async function computeTask(
  computing: Computing,
  task: TaskNode,
  decision: MissedDecision,
): Promise<TaskOutcome> {
  const read = await computing.readInputs(task, decision);
  if (!('config' in read)) return { record: read.decision.record, ran: false, seconds: 0 };
  const ready = await computing.makeReady(task, read);
  const divided = await computing.shards.divide(ready);
  const { record, hit, seconds } =
    divided.parts.length === 0
      ? await computing.units.compute(wholeUnit(ready, () => computing.describe(task)))
      : await computing.shards.compute(ready, divided);
  return { record, ran: !hit || ready.started(), seconds: Math.round(seconds * 1000) / 1000 };
}

function wholeUnit({ kind, config, decision, unit, work }: ReadyTask, describe: () => Description): Unit {
  const { key, fingerprint, inputs } = decision;
  return {
    ...unit,
    key,
    fingerprint,
    secondsBefore: 0,
    notes: (): JsonObject => ({ inputs: inputNotes(inputs), ...work }),
    job: (place) => ({
      type: 'run',
      kind: kind.kind,
      config,
      ...place,
      ...(kind.describesPipeline === true ? describe() : {}),
    }),
  };
}
