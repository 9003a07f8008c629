import { type DataResolver, DataUnknown } from '@sonde/data';
import type { TaskId, TaskNode } from '@sonde/pipeline';
import { keyOf, type ResultRecord, type Store } from '@sonde/store';
import PQueue from 'p-queue';
import { type Accelerator, providerOf } from '../provider.ts';
import type { PipelineDescription, StepKind } from '../step.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Fingerprinted, History } from './history.ts';
import { damagedOutputs, missingTasks, type RecordOf, resolveInputs } from './inputs.ts';
import type { Reason } from './reason.ts';

/** What a decision depends on beside the task and the results before it. */
export interface DecideContext {
  readonly store: Store;
  readonly kinds: ReadonlyMap<string, StepKind>;
  readonly data: DataResolver;
  readonly history: History;
  readonly refresh: ReadonlySet<string>;
  readonly accelerators: readonly Accelerator[];
  readonly pipeline: PipelineDescription;
}

interface Known extends Fingerprinted {
  readonly reason: Reason;
}

/** What is to be done about a task, and why: the one answer that `plan`, `run` and `explain` share. */
export type Decision =
  | { readonly state: 'unknown'; readonly reason: Reason }
  | (Known & { readonly state: 'cached'; readonly record: ResultRecord })
  | (Known & { readonly state: 'run' });

/** A task whose result is not in the store. */
export type MissedDecision = Decision & { readonly state: 'run' };

export async function decide(task: TaskNode, recordOf: RecordOf, context: DecideContext): Promise<Decision> {
  const missing = missingTasks(task, recordOf);
  if (missing.length > 0) return { state: 'unknown', reason: { code: 'upstream', tasks: missing } };
  const kind = kindOf(task, context.kinds);
  const inputs = await resolveInputs(task, recordOf, context.data).catch((error: unknown) => {
    if (error instanceof DataUnknown) return error;
    throw error;
  });
  if (inputs instanceof DataUnknown) {
    return { state: 'unknown', reason: { code: 'data', ref: inputs.ref, message: inputs.message } };
  }
  const fingerprint = fingerprintOf({
    kind,
    config: inputs.config,
    provider: providerOf(task, kind, context.accelerators),
    ...(kind.describesPipeline === true ? { pipeline: context.pipeline } : {}),
  });
  const known = { key: keyOf(fingerprint), fingerprint, inputs };
  if (context.refresh.has(task.id)) return { ...known, state: 'run', reason: { code: 'refresh' } };
  const found = await context.store.results.find(known.key);
  if (found.presence === 'missing') return { ...known, state: 'run', reason: await whyNew(task, known, context) };
  if (found.presence === 'damaged') {
    return { ...known, state: 'run', reason: { code: 'damaged', outputs: found.outputs, problem: found.problem } };
  }
  const { record } = found;
  const outputs = await damagedOutputs(task, record, context.store);
  if (outputs.length > 0) return { ...known, state: 'run', reason: { code: 'damaged', outputs } };
  if (await kind.outdated?.(inputs.config, context.store, beganAt(record))) {
    return { ...known, state: 'run', reason: { code: 'outdated' } };
  }
  return { ...known, state: 'cached', reason: { code: 'hit' }, record };
}

/** When its computation began, in milliseconds since 1970. */
function beganAt({ notes, created }: ResultRecord): number {
  return Date.parse(typeof notes?.began === 'string' ? notes.began : created);
}

async function whyNew(task: TaskNode, known: Fingerprinted, context: DecideContext): Promise<Reason> {
  const { history } = context;
  const [earlier, axes] = await Promise.all([history.earlier(task, known), history.addedAxes(task)]);
  if (axes !== undefined) return { code: 'new', axes };
  return earlier === undefined ? { code: 'new' } : { code: 'changed', fields: earlier.changes };
}

export function kindOf(task: TaskNode, kinds: ReadonlyMap<string, StepKind>): StepKind {
  const kind = kinds.get(task.kind);
  if (kind === undefined) throw new Error(`${task.id}: no step kind \`${task.kind}\` is known here.`);
  return kind;
}

/** Decides at most so many tasks at a time: each reads a few small files. */
const DECISIONS_AT_ONCE = 32;

/** Decides every task as far as it can be known now, each after those it needs. */
export async function decideAll(tasks: readonly TaskNode[], context: DecideContext): Promise<Map<TaskId, Decision>> {
  const decisions = new Map<TaskId, Decision>();
  const recordOf: RecordOf = (id) => {
    const decision = decisions.get(id);
    return decision?.state === 'cached' ? decision.record : undefined;
  };
  const limit = new PQueue({ concurrency: DECISIONS_AT_ONCE });
  const settled = new Map<TaskId, Promise<void>>();
  for (const task of tasks) {
    const inTurn = async () => {
      await Promise.all(task.needs.map((id) => settled.get(id)));
      await limit.add(async () => {
        decisions.set(task.id, await decide(task, recordOf, context));
      });
    };
    settled.set(task.id, inTurn());
  }
  await Promise.all(settled.values());
  return new Map(tasks.map((task) => [task.id, decisions.get(task.id)!]));
}
