import type { TaskId, TaskNode } from '@sonde/pipeline';
import { BlobDamaged } from '@sonde/store';
import type { Decision, MissedDecision } from '../decide/decide.ts';
import { type InputSource, withPaths } from '../decide/inputs.ts';
import { NotComputed } from '../failure.ts';
import type { InputArtifact, RunConfig } from '../step.ts';
import type { Emit } from './events.ts';
import { openData } from './open-data.ts';
import type { Reader } from './reader.ts';
import type { Stop } from './stop.ts';

/** A task's config with every input at its path; or, where a repair has shown that nothing is to be done, its result. */
export type ReadInputs = LocatedInputs | { readonly decision: Decision & { readonly state: 'cached' } };

export interface LocatedInputs {
  readonly decision: MissedDecision;
  readonly config: RunConfig;
  /** Where each input lies. */
  readonly paths: ReadonlyMap<InputArtifact, string>;
}

export interface InputsOptions {
  readonly reader: Reader;
  readonly stop: Stop;
  readonly emit: Emit;
  /** Computes a task again whose stored bytes turned out damaged. Rejects where that fails. */
  repair(task: TaskId): Promise<void>;
  decideNow(task: TaskNode): Promise<Decision>;
}

/** Checks every input and gives it a path. A damaged one is computed again, and then the task is decided anew. */
export async function readInputs(
  options: InputsOptions,
  task: TaskNode,
  first: MissedDecision | (Decision & { readonly state: 'cached' }),
): Promise<ReadInputs> {
  const repaired = new Set<TaskId>();
  let decision = first;
  for (;;) {
    if (decision.state === 'cached') return { decision };
    const { paths, damaged } = await locateAll(options, decision, repaired);
    if (damaged.size === 0) return { decision, config: withPaths(decision.inputs.config, paths), paths };
    for (const producer of damaged) {
      repaired.add(producer);
      await options.repair(producer);
    }
    const again = await options.decideNow(task);
    if (again.state === 'unknown') throw new Error(`${task.id} lost its inputs while it was getting ready.`);
    decision = again;
  }
}

/** What is damaged for a second time is not computed again. */
async function locateAll(options: InputsOptions, { inputs }: MissedDecision, repaired: ReadonlySet<TaskId>) {
  const paths = new Map<InputArtifact, string>();
  const damaged = new Set<TaskId>();
  for (const [artifact, source] of inputs.sources) {
    if (options.stop.reason !== undefined) throw new NotComputed();
    try {
      paths.set(artifact, await locate(options, source));
    } catch (error) {
      if (options.stop.reason !== undefined) throw new NotComputed();
      if (!(error instanceof BlobDamaged) || source.from !== 'task' || repaired.has(source.task)) throw error;
      damaged.add(source.task);
    }
  }
  return { paths, damaged };
}

function locate({ reader, emit, stop }: InputsOptions, source: InputSource): Promise<string> {
  if (source.from === 'task') return reader.open(source.artifact);
  return openData(source.ref, source.data, { emit, signal: stop.signal });
}
