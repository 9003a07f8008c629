import type { Graph, TaskNode } from '@sonde/pipeline';
import type { Explanation, Plan, PlannedTask, PlanOptions } from '../options.ts';
import type { Decision } from './decide.ts';
import { prepare } from './prepare.ts';
import { isNamed } from './select.ts';

/**
 * What `runGraph` would do now, and why. Runs no code and opens no network; with a read-only store it writes nothing.
 * Rejects with `RunRefused` where data that the graph names is not usable, or a target or refresh names no step.
 */
export async function planGraph(graph: Graph, options: PlanOptions): Promise<Plan> {
  const { tasks, decisions } = await prepare(graph, options);
  const planned = tasks.map((task) => plannedTask(task, decisions.get(task.id)!));
  const summary = { cached: 0, run: 0, unknown: 0 };
  for (const { state } of planned) summary[state]++;
  return { tasks: planned, summary };
}

function plannedTask(task: TaskNode, decision: Decision): PlannedTask {
  const { state, reason } = decision;
  const base = { task: task.id, step: task.step, kind: task.kind, state, reason };
  if (decision.state === 'unknown') return base;
  const { key, fingerprint } = decision;
  return { ...base, key, fingerprint, ...(decision.state === 'cached' ? { record: decision.record } : {}) };
}

/**
 * For every task of that id or step: its fingerprint and, field by field, how it differs from the nearest earlier
 * result of the same kind. Rejects as `planGraph` does.
 */
export async function explainTask(graph: Graph, taskOrStep: string, options: PlanOptions): Promise<Explanation[]> {
  const { tasks, decisions, context } = await prepare(graph, { ...options, targets: [taskOrStep] });
  const named = tasks.filter((task) => isNamed(task, taskOrStep));
  return Promise.all(
    named.map(async (task) => {
      const planned = plannedTask(task, decisions.get(task.id)!);
      if (planned.key === undefined || planned.fingerprint === undefined) return { ...planned, changes: [] };
      const nearest = await context.history.nearest(task, planned.fingerprint, planned.key);
      return nearest === undefined
        ? { ...planned, changes: [] }
        : { ...planned, nearest: nearest.record, changes: nearest.changes };
    }),
  );
}
