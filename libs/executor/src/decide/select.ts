import { type Graph, nearest, type TaskId, type TaskNode } from '@sonde/pipeline';
import type { RefusedProblem } from '../refused.ts';

/** Whether a name from the command line means this task: its id, its step's, or that of a sub-pipeline around it. */
export function isNamed(task: TaskNode, name: string): boolean {
  return task.id === name || task.step === name || task.step.startsWith(`${name}/`);
}

/** The tasks that the targets name and all that these need, in the graph's order. All tasks where none is named. */
export function selectTasks(graph: Graph, targets: readonly string[]): readonly TaskNode[] {
  if (targets.length === 0) return graph.tasks;
  const byId = new Map(graph.tasks.map((task) => [task.id, task]));
  const selected = new Set<TaskId>();
  const pending = graph.tasks.filter((task) => targets.some((name) => isNamed(task, name)));
  for (let task = pending.pop(); task !== undefined; task = pending.pop()) {
    if (selected.has(task.id)) continue;
    selected.add(task.id);
    for (const id of task.needs) pending.push(byId.get(id)!);
  }
  return graph.tasks.filter((task) => selected.has(task.id));
}

/** Complaints about names that mean no task. */
export function unknownNames(graph: Graph, names: readonly string[]): RefusedProblem[] {
  return names
    .filter((name) => !graph.tasks.some((task) => isNamed(task, name)))
    .map((name) => {
      const steps = [...new Set(graph.tasks.map((task) => task.step))];
      const near = nearest(name, steps);
      const hint = near === undefined ? `Its steps: ${steps.join(', ')}.` : `Did you mean \`${near}\`?`;
      return { code: 'target', message: `The pipeline has no step \`${name}\`.`, hint };
    });
}

/**
 * Which of several waiting tasks goes first: the one with the longest chain of tasks still behind it, so that the
 * whole ends soon; among equals the graph's order.
 */
export function ranks(tasks: readonly TaskNode[]): Map<TaskId, number> {
  const heights = new Map<TaskId, number>(tasks.map((task) => [task.id, 1]));
  for (const task of tasks.toReversed()) {
    const height = heights.get(task.id)! + 1;
    for (const id of task.needs) heights.set(id, Math.max(heights.get(id)!, height));
  }
  return new Map(tasks.map((task, index) => [task.id, heights.get(task.id)! - index / (tasks.length + 1)]));
}
