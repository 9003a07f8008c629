import { isMachineFault, type JsonObject } from '@sonde/base';
import type { TaskId, TaskNode } from '@sonde/pipeline';
import { BlobDamaged, type ResultRecord } from '@sonde/store';
import { providerOf } from '../backends/local/devices.ts';
import { type Decision, decide, kindOf } from '../decide/decide.ts';
import { type InputSource, inputNotes, type ResolvedInputs, withPaths } from '../decide/inputs.ts';
import { NotComputed, TaskFailure } from '../failure.ts';
import type { Ancestor, InputArtifact, RunConfig, StepKind } from '../step.ts';
import { openData } from './bring-data.ts';
import type { Failure } from './events.ts';
import type { Execution } from './execution.ts';
import { computeParts, divide } from './shards.ts';
import { computeUnit, type Unit } from './unit.ts';

export type MissedDecision = Decision & { readonly state: 'run' };

/** What became of a task that had to be computed; `ran`: this run did it, or some of it. */
export interface TaskOutcome {
  readonly record: ResultRecord;
  readonly ran: boolean;
  /** What the workers of this run spent on it, all shards together. */
  readonly seconds: number;
}

/** A task that is ready to compute: its inputs lie at verified paths. */
export interface ReadyTask {
  readonly task: TaskNode;
  readonly kind: StepKind;
  readonly config: RunConfig;
  readonly inputs: ResolvedInputs;
  readonly force: boolean;
  /** What all of its units share; its `onStart` tells of the task's start once, when its first work starts. */
  readonly unit: Pick<
    Unit,
    | 'task'
    | 'provider'
    | 'affinity'
    | 'runsCode'
    | 'force'
    | 'isBegun'
    | 'checkInputs'
    | 'onStart'
    | 'onFailure'
    | 'isPointless'
    | 'listener'
  >;
  started(): boolean;
}

/** Computes a task whose result is not in the store, whole or shard by shard. */
export async function computeTask(
  execution: Execution,
  task: TaskNode,
  decision: MissedDecision,
): Promise<TaskOutcome> {
  const read = await readInputs(execution, task, decision);
  if (read.decision.state === 'cached') return { record: read.decision.record, ran: false, seconds: 0 };
  const ready = makeReady(execution, task, read.decision, read.config);
  const divided = await divide(execution, ready);
  const { record, hit, seconds } =
    divided.parts.length === 0
      ? await computeUnit(execution, wholeUnit(execution, ready, read.decision))
      : await computeParts(execution, ready, divided, read.decision);
  return { record, ran: !hit || ready.started(), seconds: Math.round(seconds * 1000) / 1000 };
}

/** Stops the run where a failure stops it. */
export function stopAfter({ stop, options }: Execution, task: TaskId, failure: Failure): void {
  if (isMachineFault(failure.code)) stop.set('store', task);
  else if (options.keepGoing !== true) stop.set('failure', task);
}

interface ReadInputs {
  readonly decision: MissedDecision | (Decision & { readonly state: 'cached' });
  readonly config: RunConfig;
}

/** Checks every input and gives it a path. A damaged one is computed again, and then the task is decided anew. */
async function readInputs(execution: Execution, task: TaskNode, first: MissedDecision): Promise<ReadInputs> {
  let decision: ReadInputs['decision'] = first;
  const repaired = new Set<TaskId>();
  for (;;) {
    if (decision.state === 'cached') return { decision, config: decision.inputs.config };
    const paths = new Map<InputArtifact, string>();
    const damaged = new Set<TaskId>();
    for (const [artifact, source] of decision.inputs.sources) {
      if (execution.stop.reason !== undefined) throw new NotComputed();
      try {
        paths.set(artifact, await locate(execution, source));
      } catch (error) {
        if (execution.stop.reason !== undefined) throw new NotComputed();
        if (!(error instanceof BlobDamaged) || source.from !== 'task' || repaired.has(source.task)) throw error;
        damaged.add(source.task);
      }
    }
    if (damaged.size === 0) return { decision, config: withPaths(decision.inputs.config, paths) };
    for (const producer of damaged) {
      repaired.add(producer);
      await execution.repair(producer);
    }
    const again: Decision = await decide(task, (id) => execution.records.get(id), execution.context);
    if (again.state === 'unknown') throw new Error(`${task.id} lost its inputs while it was getting ready.`);
    decision = again;
  }
}

async function locate(execution: Execution, source: InputSource): Promise<string> {
  const { store, reading } = execution;
  if (source.from === 'task') return reading.add(() => store.artifacts.open(source.artifact));
  return openData(execution, source.ref, source.data);
}

function makeReady(execution: Execution, task: TaskNode, decision: MissedDecision, config: RunConfig): ReadyTask {
  const kind = kindOf(task, execution.context.kinds);
  const { id, step } = task;
  let started = false;
  const force = decision.reason.code === 'refresh';
  return {
    task,
    kind,
    config,
    inputs: decision.inputs,
    force,
    started: () => started,
    unit: {
      task,
      provider: providerOf(task, kind, execution.context.accelerators),
      affinity: kind.affinity?.(config),
      runsCode: kind.runsCode === true,
      force,
      isBegun: () => started,
      checkInputs: () => checkInputs(decision.inputs),
      onStart(device, attempt) {
        if (started) return;
        started = true;
        const { key, reason } = decision;
        execution.emit({ event: 'task.started', task: id, step, key, reason, device, attempt });
      },
      onFailure: (failure) => stopAfter(execution, id, failure),
      isPointless: () => false,
      listener: {
        progress: (done, total, unit) => execution.emit({ event: 'task.progress', task: id, step, done, total, unit }),
        log: (level, message) => execution.emit({ event: 'task.log', task: id, step, level, message }),
      },
    },
  };
}

async function checkInputs({ sources }: ResolvedInputs): Promise<void> {
  for (const source of sources.values()) {
    if (source.from === 'task') continue;
    const path = await source.data.changedFile();
    if (path !== undefined) {
      throw new TaskFailure({
        code: 'input-changed',
        message: `${path} changed while the run was using it; the result is not kept.`,
        hint: 'Run again when nothing writes to it.',
      });
    }
  }
}

function wholeUnit(execution: Execution, ready: ReadyTask, { key, fingerprint, inputs }: MissedDecision): Unit {
  const { task, kind, config } = ready;
  return {
    ...ready.unit,
    key,
    fingerprint,
    rank: execution.ranks.get(task.id)!,
    completes: false,
    secondsBefore: 0,
    notes: (): JsonObject => ({ inputs: inputNotes(inputs) }),
    job: (place) => ({
      type: 'run',
      kind: kind.kind,
      config,
      ...place,
      ...(kind.describesPipeline === true
        ? { pipeline: execution.context.pipeline, ancestors: ancestorsOf(execution, task.id) }
        : {}),
    }),
  };
}

/** How everything upstream was made, sorted by key: names and order of steps do not show. */
function ancestorsOf(execution: Execution, task: TaskId): Ancestor[] {
  const byKey = new Map(execution.recordsUpstream(task).map((record) => [record.key, record]));
  const keys = [...byKey.keys()].sort();
  return keys.map((key) => {
    const { fingerprint, outputs } = byKey.get(key)!;
    const described = Object.entries(outputs).map(([name, { type, digest, size }]) => [name, { type, digest, size }]);
    return { key, fingerprint, outputs: Object.fromEntries(described) };
  });
}
