import type { Graph } from '@sonde/pipeline';
import type { Explanation, PlanOptions } from './options.ts';
import { plannedTask } from './plan.ts';
import { prepare } from './prepare.ts';
import { isNamed } from './select.ts';

/**
 * For every task of that id or step: its fingerprint and, field by field, how it differs from the nearest earlier
 * result of the same kind. Rejects as `planGraph` does.
 */
export async function explainTask(graph: Graph, taskOrStep: string, options: PlanOptions): Promise<Explanation[]> {
  const { tasks, decisions, context } = await prepare(graph, { ...options, targets: [taskOrStep] });
  const named = tasks.filter((task) => isNamed(task, taskOrStep));
  return Promise.all(
    named.map(async (task) => {
      const decision = decisions.get(task.id)!;
      const planned = plannedTask(task, decision);
      if (decision.state === 'unknown') return { ...planned, changes: [] };
      const nearest = await context.history.nearest(task, decision);
      return nearest === undefined
        ? { ...planned, changes: [] }
        : { ...planned, nearest: nearest.record, changes: nearest.changes };
    }),
  );
}
