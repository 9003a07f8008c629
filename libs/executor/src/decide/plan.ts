import type { Graph, TaskNode } from '@sonde/pipeline';
import type { Decision } from './decide.ts';
import type { Plan, PlannedTask, PlanOptions } from './options.ts';
import { prepare } from './prepare.ts';

/**
 * What `runGraph` would do now, and why. Runs no code and opens no network; with a read-only store it writes nothing.
 * Rejects with `RunRefused` where data that the graph names is not usable, or a target or refresh names no step.
 */
export async function planGraph(graph: Graph, options: PlanOptions): Promise<Plan> {
  const { tasks, decisions } = await prepare(graph, options);
  const planned = tasks.map((task) => plannedTask(task, decisions.get(task.id)!));
  return { tasks: planned, summary: summaryOf(planned) };
}

export function summaryOf(tasks: readonly PlannedTask[]): Plan['summary'] {
  const summary = { cached: 0, run: 0, unknown: 0 };
  for (const { state } of tasks) summary[state]++;
  return summary;
}

export function plannedTask(task: TaskNode, decision: Decision): PlannedTask {
  const { state, reason } = decision;
  const base = { task: task.id, step: task.step, kind: task.kind, state, reason };
  if (decision.state === 'unknown') return base;
  const { key, fingerprint } = decision;
  return { ...base, key, fingerprint, ...(decision.state === 'cached' ? { record: decision.record } : {}) };
}
