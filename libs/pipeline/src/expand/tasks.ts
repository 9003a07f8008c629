import type { OutputSpec } from '../artifact-type.ts';
import { outputRefs } from '../config/artifact-places.ts';
import { checkConfig, refuseReferences } from '../config/check.ts';
import type { Planned, RunConfig } from '../config/input-artifact.ts';
import { MAX_PROBLEMS, type Problems } from '../diagnostics/problems.ts';
import type { DataRef, OutputRef, TaskId, TaskNode } from '../graph.ts';
import type { StepDecl } from '../read/document.ts';
import { allFiles, type LoadedFile } from '../read/files.ts';
import type { StepKindSpec } from '../step-kind.ts';
import { type AxisValues, axesJson, taskId } from '../values/axes.ts';
import { describeNode, isBroken, type Located, type LocatedMap, type Range } from '../values/located.ts';
import { createJoin, type Join, type OutputItem, type Reference } from '../values/reference.ts';
import { sizeOf, sizeOfNeeds } from './budget.ts';
import { type Evaluator, evaluate, type Scope } from './evaluate.ts';
import { type Combination, expandMatrix, MAX_TASKS, NO_MATRIX } from './matrix.ts';
import { checkFile } from './names.ts';
import { readOutputs } from './outputs.ts';
import { bindParams } from './params.ts';
import { readOnFailure, readResources, readRetries, readTimeout } from './settings.ts';
import type { CheckedFile } from './step-order.ts';
import { EMPTY_RESULT, joinNeeds, makeReference, type StepResult, type TaskOnAxes } from './step-result.ts';

/** A pipeline file with parameter values: the whole pipeline, or one task of a step that uses the file. */
interface Instance {
  readonly loaded: LoadedFile;
  /** `study/` inside the step `study`. */
  readonly prefix: string;
  readonly params: ReadonlyMap<string, Located>;
  readonly axes: AxisValues;
  /** What every task inside waits for. */
  readonly needs: readonly TaskId[];
}

interface Expanded {
  readonly broken: boolean;
  readonly tasks: readonly TaskOnAxes[];
  readonly outputs: ReadonlyMap<string, Reference>;
}

export interface Expansion {
  readonly tasks: readonly TaskNode[];
  readonly outputs: Readonly<Record<string, OutputRef | readonly OutputRef[]>>;
  /** A step is not all there: then there is an error that says why. */
  readonly broken: boolean;
}

/** Uses of pipeline files, however nested: as many as tasks, and those between. */
const MAX_INSTANCES = 2 * MAX_TASKS + 64;

interface Context {
  readonly evaluator: Evaluator;
  readonly problems: Problems;
  readonly dataProblem: (ref: DataRef) => string | undefined;
  readonly checked: ReadonlyMap<LoadedFile, CheckedFile>;
  readonly tasks: TaskNode[];
  instances: number;
}

/** Expands a checked pipeline into its tasks. */
export function expandPipeline(
  loaded: LoadedFile,
  params: ReadonlyMap<string, Located>,
  evaluator: Evaluator,
  dataProblem: (ref: DataRef) => string | undefined,
): Expansion {
  const checked = new Map<LoadedFile, CheckedFile>();
  for (const one of allFiles(loaded)) {
    if (one.file !== undefined) checked.set(one, checkFile(one, one.file, evaluator.templates, evaluator.problems));
  }
  const context: Context = {
    evaluator,
    problems: evaluator.problems,
    dataProblem,
    checked,
    tasks: [],
    instances: 0,
  };
  const expanded = expandInstance({ loaded, prefix: '', params, axes: new Map(), needs: [] }, context);
  const outputs: Record<string, OutputRef | readonly OutputRef[]> = {};
  for (const [name, reference] of expanded.outputs) {
    const refs = outputRefs(reference, new Map());
    const [first] = refs;
    if (first !== undefined) outputs[name] = reference.collects.length === 0 ? first : refs;
  }
  return { tasks: context.tasks, outputs, broken: expanded.broken };
}

function expandInstance(instance: Instance, context: Context): Expanded {
  const { file } = instance.loaded;
  const checked = context.checked.get(instance.loaded);
  const nothing: Expanded = { broken: true, tasks: [], outputs: new Map() };
  if (file === undefined || checked === undefined) return nothing;
  if (++context.instances > MAX_INSTANCES) {
    const start: Range = { file: file.source, start: 0, end: 0 };
    context.problems.error('SND152', start, `pipeline files are used more than ${MAX_INSTANCES} times in all`);
    return nothing;
  }
  const results = new Map<string, StepResult>();
  const tasks: TaskOnAxes[] = [];
  let broken = false;
  for (const step of checked.order) {
    const made = checked.cyclic.has(step.id) ? undefined : expandStep(step, instance, results, context);
    if (made === undefined || made.broken) broken = true;
    if (made !== undefined) {
      results.set(step.id, made.result);
      for (const task of made.tasks) tasks.push(task);
    } else results.set(step.id, EMPTY_RESULT);
  }
  return { broken, tasks, outputs: readOutputs(file, instance.params, instance.axes, results, context.evaluator) };
}

/** Whether there are so many problems that no more are looked for; that is reported. */
function stopAt(step: StepDecl, problems: Problems): boolean {
  if (problems.errorCount() < MAX_PROBLEMS) return false;
  const hint = 'mend these first: the tasks after them were not looked at';
  problems.error('SND102', step.range, `there are more than ${MAX_PROBLEMS} problems`, hint);
  return true;
}

interface Made {
  readonly broken: boolean;
  readonly tasks: readonly TaskOnAxes[];
  readonly result: StepResult;
}

function expandStep(
  step: StepDecl,
  instance: Instance,
  results: ReadonlyMap<string, StepResult>,
  context: Context,
): Made | undefined {
  const { problems, evaluator } = context;
  const combinations = expandAxes(step, instance, context);
  if (combinations === undefined || step.uses === undefined) return undefined;
  if (context.tasks.length + combinations.length > MAX_TASKS) {
    problems.error('SND152', step.range, `the pipeline has more than ${MAX_TASKS} tasks`);
    return undefined;
  }
  const tasks: TaskOnAxes[] = [];
  const items = new Map<string, OutputItem[]>();
  let broken = step.malformed;
  for (const combination of combinations) {
    if (evaluator.budget.spent || stopAt(step, problems)) return undefined;
    const axes: AxisValues =
      instance.axes.size === 0 ? combination.axes : new Map([...instance.axes, ...combination.axes]);
    const scope = scopeOf(step, instance, combination, axes, results, context);
    const needs = new Set(instance.needs);
    if (!joinNeeds(step, axes, results, needs, problems)) broken = true;
    evaluator.budget.spend(sizeOfNeeds(needs.size) + (step.with === undefined ? 0 : sizeOf(step.with)), step.range);
    const made =
      step.uses.type === 'kind'
        ? expandTask(step, step.uses.spec, instance, axes, scope, needs, context)
        : expandFile(step, instance, axes, scope, needs, context);
    if (made.broken) broken = true;
    for (const task of made.tasks) tasks.push(task);
    for (const { name, item } of made.items) {
      const known = items.get(name);
      if (known === undefined) items.set(name, [item]);
      else known.push(item);
    }
  }
  const joins = new Map<string, Join<OutputItem>>();
  const output = (name: string): Join<OutputItem> => {
    const join = joins.get(name) ?? createJoin(items.get(name) ?? []);
    joins.set(name, join);
    return join;
  };
  return { broken, tasks, result: { broken, tasks: createJoin(tasks), output, outputNames: [...items.keys()] } };
}

function expandAxes(
  step: StepDecl,
  instance: Instance,
  { evaluator, problems }: Context,
): readonly Combination[] | undefined {
  if (step.matrix === undefined) return NO_MATRIX;
  const scope: Scope = {
    params: instance.params,
    matrix: new Map(),
    axes: new Map(),
    reference: () => undefined,
    late: new Set(),
  };
  const matrix = evaluate(step.matrix, scope, evaluator);
  if (matrix.type !== 'map') {
    if (matrix.type !== 'broken' && matrix !== step.matrix) {
      problems.error(
        'SND150',
        matrix.use ?? matrix.range,
        `\`matrix\` must be a map from axis names to lists, found ${describeNode(matrix)}`,
      );
    }
    return undefined;
  }
  let clash = false;
  for (const [name, { keyRange }] of matrix.entries) {
    if (!instance.axes.has(name)) continue;
    problems.error(
      'SND154',
      keyRange,
      `the axis \`${name}\` is also an axis of the step that uses this file`,
      'give one of them another name',
    );
    clash = true;
  }
  if (!refuseReferences(matrix, 'matrix', problems) || clash || isBroken(matrix)) return undefined;
  return expandMatrix(matrix, problems);
}

function scopeOf(
  step: StepDecl,
  instance: Instance,
  combination: Combination,
  axes: AxisValues,
  results: ReadonlyMap<string, StepResult>,
  { problems }: Context,
): Scope {
  return {
    params: instance.params,
    matrix: combination.values,
    axes,
    late: new Set(step.uses?.type === 'kind' ? (step.uses.spec.lateNames ?? []) : []),
    reference: (id, output, expression) => makeReference(id, output, expression, axes, results, problems),
  };
}

interface MadeTask {
  readonly broken: boolean;
  readonly tasks: readonly TaskOnAxes[];
  /** By the name that the step gives the output: inside a used file it may have another. */
  readonly items: readonly { readonly name: string; readonly item: OutputItem }[];
}

function withOf(step: StepDecl, scope: Scope, { evaluator }: Context): LocatedMap {
  const given = step.with ?? { type: 'map', entries: new Map(), range: { ...step.range, end: step.range.start } };
  const value = evaluate(given, scope, evaluator);
  return value.type === 'map' ? value : given;
}

function expandTask(
  step: StepDecl,
  spec: StepKindSpec,
  instance: Instance,
  axes: AxisValues,
  scope: Scope,
  needs: Set<TaskId>,
  context: Context,
): MadeTask {
  const { problems, evaluator } = context;
  const before = problems.errorCount();
  const id = taskId(instance.prefix + step.id, axes);
  const setting = (name: string, node: Located | undefined): Located | undefined => {
    const value = node === undefined ? undefined : evaluate(node, { ...scope, reference: () => undefined }, evaluator);
    return value !== undefined && refuseReferences(value, name, problems) ? value : undefined;
  };
  const resources = readResources(setting('resources', step.resources), problems);
  const onFailure = readOnFailure(setting('on_failure', step.onFailure), problems);
  const retries = readRetries(setting('retries', step.retries), onFailure, problems);
  const timeoutSeconds = readTimeout(setting('timeout', step.timeout), problems);
  const given = withOf(step, scope, context);
  if (evaluator.budget.spent) return { broken: true, tasks: [], items: [] };
  const config = checkConfig(spec, given, {
    problems,
    axes,
    place: step.range,
    dataProblem: context.dataProblem,
  });
  const broken = config === undefined || step.malformed || problems.errorCount() > before;
  const made: Readonly<Record<string, OutputSpec>> =
    config === undefined ? spec.outputs : (spec.outputsOf?.(config.value as Planned<RunConfig>) ?? spec.outputs);
  const names = new Set([...Object.keys(spec.outputs), ...Object.keys(made)]);
  const items = [...names].map((name) => ({
    name,
    item: { task: id, output: name, axes, type: Object.hasOwn(made, name) ? made[name]?.type : undefined },
  }));
  if (config !== undefined) {
    for (const reference of config.references) needs.add(reference.task);
    context.tasks.push({
      id,
      step: instance.prefix + step.id,
      kind: spec.kind,
      axes: axesJson(axes),
      with: config.value,
      outputs: made,
      needs: [...needs].sort(),
      resources,
      retries,
      ...(onFailure === undefined ? {} : { onFailure }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      range: step.range,
    });
  }
  return { broken, tasks: [{ id, axes }], items };
}

function expandFile(
  step: StepDecl,
  instance: Instance,
  axes: AxisValues,
  scope: Scope,
  needs: Set<TaskId>,
  context: Context,
): MadeTask {
  const loaded = instance.loaded.uses.get(step.id);
  if (loaded?.file === undefined || step.uses === undefined) return { broken: true, tasks: [], items: [] };
  const before = context.problems.errorCount();
  const given = withOf(step, scope, context);
  if (context.evaluator.budget.spent) return { broken: true, tasks: [], items: [] };
  const params = bindParams(loaded.file, [{ entries: given.entries, blame: step.uses.range }], context.problems);
  const inner = expandInstance(
    { loaded, prefix: `${instance.prefix}${step.id}/`, params, axes, needs: [...needs] },
    context,
  );
  const items = [...inner.outputs].flatMap(([name, reference]) => reference.items.map((item) => ({ name, item })));
  return { broken: inner.broken || context.problems.errorCount() > before, tasks: inner.tasks, items };
}
