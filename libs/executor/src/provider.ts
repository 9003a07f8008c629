import type { Planned, RunConfig, TaskNode } from '@sonde/pipeline';
import type { Provider, StepKind } from './step.ts';

/** A device beside the CPU that steps may compute on. */
export interface Accelerator {
  readonly provider: Exclude<Provider, 'cpu'>;
  /** Which of the devices that this process may use, from 0: `CUDA_VISIBLE_DEVICES` of its environment counts. */
  readonly index: number;
  /**
   * Which card of the machine it is, whoever counts: no two processes compute on one at a time. Absent: nobody is kept
   * from it.
   */
  readonly card?: string;
}

/** How many devices a task takes at once, of those of its provider. */
export function devicesOf(task: TaskNode, provider: Provider): number {
  return provider === 'cpu' ? 1 : (task.resources.gpus ?? 1);
}

/**
 * Who computes a task: the accelerators where its step asks for a GPU, or where its kind can use one and the step does
 * not ask for the CPU. All accelerators of a run have one provider.
 */
export function providerOf(task: TaskNode, kind: StepKind, accelerators: readonly Accelerator[] = []): Provider {
  return wantsDevice(task, kind) ? (accelerators[0]?.provider ?? 'cpu') : 'cpu';
}

/** Whether a task computes on a device where there is one. */
export function wantsDevice(task: TaskNode, kind: StepKind): boolean {
  const { device } = task.resources;
  return device === 'gpu' || (device === 'any' && kind.usesDevice?.(task.with as Planned<RunConfig>) === true);
}

/** Whether nothing says that it is much work: no device, no request, no shards. */
export function isLight(task: TaskNode, kind: StepKind): boolean {
  const { memoryBytes, cpus, timeSeconds } = task.resources;
  if (kind.division !== undefined || wantsDevice(task, kind)) return false;
  return memoryBytes === undefined && cpus === undefined && timeSeconds === undefined;
}
