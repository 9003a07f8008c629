import type { JsonObject } from '@sonde/base';
import type { TaskNode } from '@sonde/pipeline';
import type { JobNeeds } from '../backends/backend.ts';
import { runsCode } from '../decide/allowed.ts';
import type { MissedDecision } from '../decide/decide.ts';
import type { ResolvedInputs } from '../decide/inputs.ts';
import { costOf, noteOf } from '../estimate/work.ts';
import { type Failure, TaskFailure } from '../failure.ts';
import { devicesOf, isLight } from '../provider.ts';
import type { OrderInput } from '../spool/input.ts';
import type { RunConfig, StepKind } from '../step.ts';
import type { Emit } from './events.ts';
import type { LocatedInputs } from './read-inputs.ts';
import type { Unit } from './unit.ts';

/** What all units of a task share. */
export type SharedUnit = Omit<Unit, 'key' | 'fingerprint' | 'job' | 'notes' | 'secondsBefore'>;

/** A task that is ready to compute: its inputs lie at verified paths. */
export interface ReadyTask {
  readonly task: TaskNode;
  readonly kind: StepKind;
  readonly config: RunConfig;
  readonly decision: MissedDecision;
  /** Its `onStart` tells of the task's start once, when its first work starts. */
  readonly unit: SharedUnit;
  /** What a result notes of the work that it was. */
  readonly work: JsonObject;
  started(): boolean;
}

export interface ReadyOptions {
  readonly kind: StepKind;
  readonly provider: JobNeeds['provider'];
  readonly rank: number;
  readonly stallSeconds: number;
  readonly emit: Emit;
  onFailure(failure: Failure): void;
}

export async function makeReady(
  task: TaskNode,
  { decision, config, paths }: LocatedInputs,
  { kind, provider, rank, stallSeconds, emit, onFailure }: ReadyOptions,
): Promise<ReadyTask> {
  const { id, step, timeoutSeconds } = task;
  const { key, reason, inputs } = decision;
  let started = false;
  const affinity = kind.affinity?.(config);
  const cost = await costOf(kind, { config, expected: () => undefined });
  return {
    task,
    kind,
    config,
    decision,
    work: cost === undefined ? {} : { work: noteOf(cost, affinity) },
    started: () => started,
    unit: {
      task,
      needs: {
        provider,
        affinity,
        devices: devicesOf(task, provider),
        runsCode: runsCode(kind, task),
        completes: false,
        rank,
        isBegun: () => started,
      },
      light: isLight(task, kind),
      limits: { stallSeconds, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) },
      listener: {
        progress: (done, total, unit) => emit({ event: 'task.progress', task: id, step, done, total, unit }),
        log: (level, message) => emit({ event: 'task.log', task: id, step, level, message }),
      },
      force: reason.code === 'refresh' || reason.code === 'outdated',
      onStart(device, attempt) {
        if (started) return;
        started = true;
        emit({ event: 'task.started', task: id, step, key, reason, device, attempt });
      },
      onFailure,
      isPointless: () => false,
      inputs: () => inputsOf(inputs, paths),
      checkInputs: () => checkInputs(inputs),
    },
  };
}

function inputsOf({ sources }: ResolvedInputs, paths: LocatedInputs['paths']): OrderInput[] {
  return [...sources].map(([artifact, source]) => {
    const path = paths.get(artifact)!;
    return source.from === 'task' ? { path, stored: source.artifact } : { path, files: source.data.files() };
  });
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
