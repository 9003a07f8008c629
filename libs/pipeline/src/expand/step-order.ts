import type { Problems } from '../diagnostics/problems.ts';
import type { PipelineFile, StepDecl } from '../read/document.ts';
import { describePlace } from '../read/positions.ts';
import type { Range } from '../values/located.ts';

/** A step that another one needs, and where that is said. */
export interface Dependency {
  readonly step: string;
  readonly range: Range;
}

/** A file whose names have been checked. */
export interface CheckedFile {
  /** Each step after those it depends on; otherwise the file's order. */
  readonly order: readonly StepDecl[];
  /** Steps in a cycle: they have no tasks. */
  readonly cyclic: ReadonlySet<string>;
}

/** Steps of a cycle that its message names. */
const MAX_SHOWN = 24;

/** A step whose dependencies are being followed. */
interface Frame {
  readonly step: StepDecl;
  readonly dependencies: readonly Dependency[];
  next: number;
  /** The lowest place on the stack that a cycle through this step or one after it begins at. */
  cycleFrom: number;
}

/** Orders the steps by what they need; steps in a cycle are reported. */
export function orderSteps(
  file: PipelineFile,
  dependencies: ReadonlyMap<string, readonly Dependency[]>,
  problems: Problems,
): CheckedFile {
  const order: StepDecl[] = [];
  const cyclic = new Set<string>();
  const state = new Map<string, 'open' | 'done'>();
  // An explicit stack: a chain of ten thousand steps must not exhaust the call stack.
  const stack: Frame[] = [];
  const depth = new Map<string, number>();
  const push = (step: StepDecl): void => {
    state.set(step.id, 'open');
    depth.set(step.id, stack.length);
    stack.push({ step, next: 0, dependencies: dependencies.get(step.id) ?? [], cycleFrom: stack.length + 1 });
  };
  for (const start of file.steps.values()) {
    if (state.has(start.id)) continue;
    push(start);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const dependency = top.dependencies[top.next++];
      if (dependency === undefined) {
        state.set(top.step.id, 'done');
        order.push(top.step);
        stack.pop();
        const below = stack.at(-1);
        if (top.cycleFrom <= stack.length) cyclic.add(top.step.id);
        if (below !== undefined && top.cycleFrom < stack.length)
          below.cycleFrom = Math.min(below.cycleFrom, top.cycleFrom);
      } else if (state.get(dependency.step) === 'open') {
        const from = depth.get(dependency.step)!;
        reportCycle(stack, from, problems);
        top.cycleFrom = Math.min(top.cycleFrom, from);
      } else if (!state.has(dependency.step)) push(file.steps.get(dependency.step)!);
    }
  }
  return { order, cyclic };
}

/** Reports that the last step of the stack needs the one at `from`. */
function reportCycle(stack: readonly Frame[], from: number, problems: Problems): void {
  const length = stack.length - from;
  const shown = stack
    .slice(from, from + Math.min(length, MAX_SHOWN))
    .map((frame) => ({ id: frame.step.id, edge: frame.dependencies[frame.next - 1]! }));
  const [first] = shown;
  if (first === undefined) return;
  if (length === 1) {
    problems.error('SND143', first.edge.range, `the step \`${first.id}\` refers to itself`);
    return;
  }
  const more = length > MAX_SHOWN ? [`${length - MAX_SHOWN} more`] : [];
  const path = [...shown.map(({ id }) => id), ...more, first.id].join(' → ');
  problems.error('SND143', first.edge.range, `steps wait for each other: ${path}`, () =>
    shown
      .slice(0, 8)
      .map(({ id, edge }) => `\`${id}\` needs \`${edge.step}\` (${describePlace(edge.range, edge.range.file)})`)
      .join(', '),
  );
}
