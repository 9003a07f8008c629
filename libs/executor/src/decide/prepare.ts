import { UserError } from '@sonde/base';
import { createDataResolver, DataUnknown, type ResolveHooks } from '@sonde/data';
import { type DataRef, type Graph, isDataRef, type TaskId, type TaskNode } from '@sonde/pipeline';
import { type RefusedProblem, refuse } from '../refused.ts';
import { notAllowed } from './allowed.ts';
import { type DecideContext, type Decision, decideAll } from './decide.ts';
import { createHistory } from './history.ts';
import { visitRefs } from './inputs.ts';
import type { PlanOptions } from './options.ts';
import { describePipeline } from './pipeline-description.ts';
import { isNamed, selectTasks, unknownNames } from './select.ts';

/** The selected tasks with every decision that can be made before anything runs. */
export interface Prepared {
  readonly tasks: readonly TaskNode[];
  readonly context: DecideContext;
  readonly decisions: ReadonlyMap<TaskId, Decision>;
}

/** Common beginning of plan, explain and run. `toRun`: also refuse what this machine or person does not allow. */
export async function prepare(
  graph: Graph,
  options: PlanOptions,
  toRun?: { readonly allowCode: boolean; readonly ask: ResolveHooks },
): Promise<Prepared> {
  const refresh = options.refresh ?? [];
  const targets = options.targets ?? [];
  refuse([...unknownNames(graph, targets), ...unknownNames(graph, refresh)]);
  const tasks = selectTasks(graph, targets);
  const context: DecideContext = {
    store: options.store,
    kinds: options.kinds,
    data: createDataResolver(options.store, options.sources, toRun?.ask),
    history: createHistory(options.store, graph.name, graph.tasks),
    accelerators: options.accelerators ?? [],
    refresh: new Set(graph.tasks.filter((task) => refresh.some((name) => isNamed(task, name))).map((task) => task.id)),
    pipeline: describePipeline(graph),
  };
  refuse([
    ...(toRun === undefined ? [] : notAllowed(tasks, context, toRun.allowCode)),
    ...(await badData(tasks, context)),
  ]);
  return { tasks, context, decisions: await decideAll(tasks, context) };
}

/** Every reference to data that is not usable, once, at its place in the file. */
async function badData(tasks: readonly TaskNode[], context: DecideContext): Promise<RefusedProblem[]> {
  const refs = new Map<string, { readonly ref: DataRef; readonly task: TaskNode }>();
  for (const task of tasks) {
    visitRefs(task.with, (value) => {
      if (isDataRef(value)) refs.set(`${value.range.start} ${value.ref} ${value.types.join()}`, { ref: value, task });
    });
  }
  const problems = [...refs.values()].map(async ({ ref, task }): Promise<RefusedProblem[]> => {
    try {
      await context.data(ref);
      return [];
    } catch (error) {
      if (error instanceof DataUnknown) return [];
      if (!(error instanceof UserError)) throw error;
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      return [{ code: 'data', message: error.message, ...hint, step: task.step, task: task.id, range: ref.range }];
    }
  });
  return (await Promise.all(problems)).flat();
}
