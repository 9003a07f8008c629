import type { Problems } from '../diagnostics/problems.ts';
import type { TaskId } from '../graph.ts';
import type { StepDecl } from '../read/document.ts';
import { type AxisValues, describeAxes } from '../values/axes.ts';
import type { Range } from '../values/located.ts';
import { collectedAxes, type Join, type OnAxes, type OutputItem, type Reference } from '../values/reference.ts';
import { suggest } from '../values/words.ts';
import type { Expression } from './expression.ts';

export interface TaskOnAxes extends OnAxes {
  readonly id: TaskId;
}

/** What the steps after one can know of it. */
export interface StepResult {
  /** Something is wrong with it: what it has is not all. */
  readonly broken: boolean;
  readonly tasks: Join<TaskOnAxes>;
  readonly output: (name: string) => Join<OutputItem>;
  /** What its tasks call their outputs. */
  readonly outputNames: readonly string[];
}

/** Of a step whose axes are not known. */
export const EMPTY_RESULT: StepResult = { broken: true, tasks: () => [], output: () => () => [], outputNames: [] };

/** The outputs that `steps.<id>.outputs.<name>` means for a task with these axis values; undefined, and reported, if none. */
export function makeReference(
  id: string,
  output: string,
  expression: Expression,
  axes: AxisValues,
  results: ReadonlyMap<string, StepResult>,
  problems: Problems,
): Reference | undefined {
  const target = results.get(id);
  if (target === undefined || expression.path.length !== 3 || expression.path[1] !== 'outputs') return undefined;
  const items = target.output(output)(axes);
  const reference = { text: expression.text, items, collects: collectedAxes(items, axes), unknown: target.broken };
  if (items.length > 0 || target.broken) return reference;
  if (target.tasks(axes).length === 0) reportNoTask(id, expression.range, axes, problems);
  else {
    // Outputs that only the config names (of a `command`) are not known before this point.
    const hint = () => suggest(output, target.outputNames, 'its outputs');
    problems.error('SND142', expression.range, `the step \`${id}\` has no output \`${output}\``, hint);
  }
  return undefined;
}

function reportNoTask(id: string, range: Range, axes: AxisValues, problems: Problems): void {
  problems.error(
    'SND148',
    range,
    `the step \`${id}\` has no task for ${describeAxes(axes)}`,
    'both steps have this axis: give them the same values, or name the axis differently to collect all',
  );
}

/** Adds the tasks that `needs:` means. False where they are not all known. */
export function joinNeeds(
  step: StepDecl,
  axes: AxisValues,
  results: ReadonlyMap<string, StepResult>,
  needs: Set<TaskId>,
  problems: Problems,
): boolean {
  let complete = true;
  for (const { id, range } of step.needs) {
    const target = results.get(id);
    if (target === undefined || target.broken) {
      complete = false;
      continue;
    }
    const tasks = target.tasks(axes);
    if (tasks.length === 0) {
      reportNoTask(id, range, axes, problems);
      complete = false;
    }
    for (const task of tasks) needs.add(task.id);
  }
  return complete;
}
