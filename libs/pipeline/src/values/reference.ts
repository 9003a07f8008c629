import type { ArtifactType } from '../artifact-type.ts';
import type { TaskId } from '../graph.ts';
import { type AxisValues, agree } from './axes.ts';

/** Something that stands at axis values: a task, or its output. */
export interface OnAxes {
  readonly axes: AxisValues;
}

export interface OutputItem extends OnAxes {
  readonly task: TaskId;
  readonly output: string;
  /** Undefined where the task's settings do not yield this output. */
  readonly type: ArtifactType | undefined;
}

/** The outputs that an expression means, for a task with certain axis values. */
export interface Reference {
  /** As written: `steps.scores.outputs.scores`. */
  readonly text: string;
  readonly items: readonly OutputItem[];
  /** The axes that only the other step has. Empty: exactly one item. */
  readonly collects: readonly string[];
  /** The other step has problems of its own; nothing is known of its tasks. */
  readonly unknown: boolean;
}

/** Finds those that agree with given axis values on every shared axis, in their own order. */
export type Join<T extends OnAxes> = (axes: AxisValues) => readonly T[];

/**
 * A join with an index for each set of shared axes, so that joining n tasks to n others takes about n steps.
 */
export function createJoin<T extends OnAxes>(items: readonly T[]): Join<T> {
  const groups = new Map<
    string,
    { readonly names: readonly string[]; readonly members: { readonly at: number; readonly item: T }[] }
  >();
  items.forEach((item, at) => {
    const names = [...item.axes.keys()];
    const signature = JSON.stringify(names);
    const group = groups.get(signature) ?? { names, members: [] };
    groups.set(signature, group);
    group.members.push({ at, item });
  });
  const indices = new Map<string, ReadonlyMap<string, { readonly at: number; readonly item: T }[]>>();
  const keyOf = (axes: AxisValues, names: readonly string[]): string =>
    names.map((name) => axes.get(name)?.key).join('\n');
  return (axes) => {
    const found: { readonly at: number; readonly item: T }[] = [];
    for (const [signature, group] of groups) {
      const shared = group.names.filter((name) => axes.has(name));
      const id = `${signature}${JSON.stringify(shared)}`;
      let index = indices.get(id);
      if (index === undefined) {
        const built = new Map<string, { readonly at: number; readonly item: T }[]>();
        for (const member of group.members) {
          const key = keyOf(member.item.axes, shared);
          const bucket = built.get(key);
          if (bucket === undefined) built.set(key, [member]);
          else bucket.push(member);
        }
        index = built;
        indices.set(id, index);
      }
      for (const member of index.get(keyOf(axes, shared)) ?? []) found.push(member);
    }
    if (groups.size > 1) found.sort((a, b) => a.at - b.at);
    return found.map((member) => member.item);
  };
}

/** The axes that the items have and the task lacks, in the items' order. */
export function collectedAxes(items: readonly OnAxes[], axes: AxisValues): readonly string[] {
  const names = new Set<string>();
  for (const item of items) for (const name of item.axes.keys()) if (!axes.has(name)) names.add(name);
  return [...names];
}

/** A reference that came through a parameter, narrowed to the axes of the task that uses it. */
export function narrow(reference: Reference, axes: AxisValues): Reference {
  const items = reference.items.filter((item) => agree(item.axes, axes));
  return { ...reference, items, collects: collectedAxes(items, axes) };
}
