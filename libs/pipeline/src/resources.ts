import type { Resources, TaskNode } from './graph.ts';

/** How often a task has failed so far for want of something. */
export interface Shortages {
  readonly memory: number;
  readonly time: number;
}

/** What a task is to be given, and how long it may take, when it is tried again: `on_failure` multiplies for each failure. */
export function resourcesAfter(
  { resources, timeoutSeconds, onFailure = {} }: Pick<TaskNode, 'resources' | 'timeoutSeconds' | 'onFailure'>,
  shortages: Shortages,
): { readonly resources: Resources; readonly timeoutSeconds?: number } {
  const more = { memory: (onFailure.memory ?? 1) ** shortages.memory, time: (onFailure.time ?? 1) ** shortages.time };
  const { memoryBytes, timeSeconds } = resources;
  return {
    resources: {
      ...resources,
      ...(memoryBytes === undefined ? {} : { memoryBytes: Math.ceil(memoryBytes * more.memory) }),
      ...(timeSeconds === undefined ? {} : { timeSeconds: timeSeconds * more.time }),
    },
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: timeoutSeconds * more.time }),
  };
}
