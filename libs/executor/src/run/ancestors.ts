import type { TaskId, TaskNode } from '@sonde/pipeline';
import { canonicalJson, type ResultRecord } from '@sonde/store';
import type { RecordOf } from '../decide/inputs.ts';
import type { Ancestor } from '../step.ts';

/**
 * How everything upstream of a task was made, each result once, sorted by key, every object's names in order: equal
 * results are told alike, whatever the steps are called, in whichever order they stand or ran, and whoever wrote the
 * records.
 */
export function ancestorsOf(task: TaskNode, tasks: ReadonlyMap<TaskId, TaskNode>, recordOf: RecordOf): Ancestor[] {
  const byKey = new Map<string, ResultRecord>();
  for (const id of upstream(task, tasks)) {
    const record = recordOf(id)!;
    byKey.set(record.key, record);
  }
  const ancestors = [...byKey.keys()].sort().map((key) => {
    const { fingerprint, outputs } = byKey.get(key)!;
    const described = Object.entries(outputs).map(([name, { type, digest, size }]) => [name, { type, digest, size }]);
    return { key, fingerprint, outputs: Object.fromEntries(described) };
  });
  return JSON.parse(canonicalJson(ancestors)) as Ancestor[];
}

function upstream({ needs }: TaskNode, tasks: ReadonlyMap<TaskId, TaskNode>): Set<TaskId> {
  const found = new Set<TaskId>();
  const pending = [...needs];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    pending.push(...tasks.get(id)!.needs);
  }
  return found;
}
