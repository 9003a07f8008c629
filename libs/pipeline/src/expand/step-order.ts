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
  const stack: { readonly step: StepDecl; next: number; readonly dependencies: readonly Dependency[] }[] = [];
  const push = (step: StepDecl): void => {
    state.set(step.id, 'open');
    stack.push({ step, next: 0, dependencies: dependencies.get(step.id) ?? [] });
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
      } else if (state.get(dependency.step) === 'open') {
        const from = stack.findIndex(({ step }) => step.id === dependency.step);
        reportCycle(
          stack.slice(from).map((frame) => ({ id: frame.step.id, edge: frame.dependencies[frame.next - 1]! })),
          problems,
        );
        for (const { step } of stack.slice(from)) cyclic.add(step.id);
      } else if (!state.has(dependency.step)) push(file.steps.get(dependency.step)!);
    }
  }
  return { order, cyclic };
}

function reportCycle(cycle: readonly { readonly id: string; readonly edge: Dependency }[], problems: Problems): void {
  const [first] = cycle;
  if (first === undefined) return;
  if (cycle.length === 1) {
    problems.error('SND143', first.edge.range, `the step \`${first.id}\` refers to itself`);
    return;
  }
  const path = [...cycle.map(({ id }) => id), first.id].join(' → ');
  const places = cycle.map(
    ({ id, edge }) => `\`${id}\` needs \`${edge.step}\` (${describePlace(edge.range, edge.range.file)})`,
  );
  problems.error('SND143', first.edge.range, `steps wait for each other: ${path}`, places.slice(0, 8).join(', '));
}
