import type { Axes, TaskId, TaskNode } from '@sonde/pipeline';

/**
 * Finds the axis values of a task that none of the earlier tasks had, although there were others of the same step on
 * the same axes: all of the task's where only their combination is new. Undefined where there were none such, or the
 * task itself was among them.
 */
export type AddedAxes = (task: TaskNode) => Axes | undefined;

/** Axis by axis, the labels that a step's earlier tasks had. */
type Labels = readonly ReadonlySet<string>[];

export function createAddedAxes(earlier: ReadonlySet<TaskId>): AddedAxes {
  const ofSteps = new Map<string, Labels | undefined>();
  return (task) => {
    const names = Object.keys(task.axes);
    if (names.length === 0 || earlier.has(task.id)) return undefined;
    const form = [task.step, ...names].join(' ');
    const known = ofSteps.has(form) ? ofSteps.get(form) : labelsOf(task.step, names, earlier);
    ofSteps.set(form, known);
    const own = labelsIn(task.id, task.step, names);
    if (known === undefined || own === undefined) return undefined;
    const added = names.filter((_name, at) => !known[at]!.has(own[at]!));
    return Object.fromEntries((added.length === 0 ? names : added).map((name) => [name, task.axes[name]!]));
  };
}

function labelsOf(step: string, names: readonly string[], earlier: ReadonlySet<TaskId>): Labels | undefined {
  const labels = names.map(() => new Set<string>());
  for (const id of earlier) {
    for (const [at, label] of labelsIn(id, step, names)?.entries() ?? []) labels[at]!.add(label);
  }
  return labels[0]?.size === 0 ? undefined : labels;
}

/** What the id of a step's task, `step[axis=label,other=label]`, has on these axes; undefined where it is of others. */
function labelsIn(id: TaskId, step: string, names: readonly string[]): readonly string[] | undefined {
  if (!id.startsWith(`${step}[`) || !id.endsWith(']')) return undefined;
  const labels: string[] = [];
  let at = step.length + 1;
  for (const [index, name] of names.entries()) {
    if (!id.startsWith(`${name}=`, at)) return undefined;
    const start = at + name.length + 1;
    const next = names[index + 1];
    const end = next === undefined ? id.length - 1 : id.indexOf(`,${next}=`, start);
    if (end === -1) return undefined;
    labels.push(id.slice(start, end));
    at = end + 1;
  }
  return labels;
}
