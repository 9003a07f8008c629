import type { Problems } from '../diagnostics/problems.ts';
import type { PipelineFile, StepDecl } from '../read/document.ts';
import type { LoadedFile } from '../read/files.ts';

import type { Located, LocatedScalar } from '../values/located.ts';
import { suggest } from '../values/words.ts';
import { type Expression, hasExpression, type TemplateOf } from './expression.ts';
import { type CheckedFile, type Dependency, orderSteps } from './step-order.ts';

type Root = 'params' | 'matrix' | 'steps';

interface Context {
  readonly file: PipelineFile;
  readonly loaded: LoadedFile;
  readonly templates: TemplateOf;
  readonly problems: Problems;
  readonly usedParams: Set<string>;
}

/** Checks every name that the file's expressions and `needs:` use, and orders its steps. */
export function checkFile(
  loaded: LoadedFile,
  file: PipelineFile,
  templates: TemplateOf,
  problems: Problems,
): CheckedFile {
  const context: Context = { file, loaded, templates, problems, usedParams: new Set() };
  for (const [name, { value }] of file.params) {
    for (const node of textsIn(value)) {
      problems.error(
        'SND125',
        node.range,
        `the parameter \`${name}\` cannot hold an expression`,
        'parameters are plain values; put the expression where the parameter is used',
      );
    }
  }
  const dependencies = new Map<string, readonly Dependency[]>();
  for (const step of file.steps.values()) dependencies.set(step.id, checkStep(step, context));
  for (const { value } of file.outputs.values()) checkNames(value, ['steps', 'params'], undefined, context);
  for (const [name, { keyRange }] of file.params) {
    if (!context.usedParams.has(name)) problems.warning('SND133', keyRange, `the parameter \`${name}\` is not used`);
  }
  return orderSteps(file, dependencies, problems);
}

/** Every string with an expression in it. */
function* textsIn(node: Located): Generator<LocatedScalar & { value: string }> {
  if (node.type === 'scalar') {
    if (typeof node.value === 'string' && hasExpression(node.value)) yield node as LocatedScalar & { value: string };
  } else if (node.type === 'list') for (const item of node.items) yield* textsIn(item);
  else if (node.type === 'map') for (const entry of node.entries.values()) yield* textsIn(entry.value);
}

function checkStep(step: StepDecl, context: Context): readonly Dependency[] {
  const { file, problems } = context;
  const found: Dependency[] = [];
  if (step.with !== undefined) found.push(...checkNames(step.with, ['params', 'matrix', 'steps'], step, context));
  if (step.matrix !== undefined) checkNames(step.matrix, ['params'], step, context);
  for (const node of [step.resources, step.retries, step.onFailure, step.timeout]) {
    if (node !== undefined) checkNames(node, ['params', 'matrix'], step, context);
  }
  for (const { id, range } of step.needs) {
    if (file.steps.has(id)) found.push({ step: id, range });
    else problems.error('SND141', range, `there is no step \`${id}\``, () => suggest(id, others(file, step), 'steps'));
  }
  return found;
}

function others(file: PipelineFile, step: StepDecl | undefined): readonly string[] {
  return [...file.steps.keys()].filter((id) => id !== step?.id);
}

function checkNames(
  node: Located,
  allowed: readonly Root[],
  step: StepDecl | undefined,
  context: Context,
): readonly Dependency[] {
  const found: Dependency[] = [];
  const late = allowed.includes('steps') && step?.uses?.type === 'kind' ? (step.uses.spec.lateNames ?? []) : [];
  for (const text of textsIn(node)) {
    for (const part of context.templates(text) ?? []) {
      if (typeof part === 'string') continue;
      for (const key of part.path) {
        if (typeof key === 'object') checkKey({ ...part, ...key }, allowed, step, context);
      }
      if (late.includes(part.root)) checkLate(part, step, context);
      else if (!(allowed as readonly string[]).includes(part.root)) checkRoot(part, allowed, late, context);
      else if (part.root === 'params') checkParam(part, context);
      else if (part.root === 'matrix') checkMatrix(part, step, context);
      else found.push(...checkReference(part, step, context));
    }
  }
  return found;
}

/** A name that stands as an index. */
function checkKey(key: Expression, allowed: readonly Root[], step: StepDecl | undefined, context: Context): void {
  if (!(allowed as readonly string[]).includes(key.root)) checkRoot(key, allowed, [], context);
  else if (key.root === 'params') checkParam(key, context);
  else checkMatrix(key, step, context);
}

function checkRoot(
  expression: Expression,
  allowed: readonly Root[],
  late: readonly string[],
  { problems }: Context,
): void {
  const { root, range } = expression;
  if (['params', 'matrix', 'steps'].includes(root)) {
    const here = allowed.map((name) => `\`${name}.*\``).join(' and ');
    problems.error('SND125', range, `\`${root}.*\` is not known here`, `only ${here} can be used here`);
    return;
  }
  problems.error('SND121', range, `\`${root}\` is not a name that expressions know`, () =>
    suggest(root, [...allowed, ...late], 'names'),
  );
}

function checkParam({ path, range }: Expression, { file, problems, usedParams }: Context): void {
  const [name] = path;
  if (typeof name !== 'string') {
    problems.error(
      'SND121',
      range,
      '`params` must be followed by the name of a parameter',
      'for example `params.count`',
    );
    return;
  }
  usedParams.add(name);
  if (!file.params.has(name))
    problems.error('SND121', range, `there is no parameter \`${name}\``, () =>
      suggest(name, file.params.keys(), 'parameters'),
    );
}

function checkMatrix({ path, range }: Expression, step: StepDecl | undefined, { problems }: Context): void {
  const [name] = path;
  if (typeof name !== 'string') {
    problems.error('SND121', range, '`matrix` must be followed by the name of an axis', 'for example `matrix.model`');
    return;
  }
  if (step?.matrix === undefined) {
    problems.error(
      'SND121',
      range,
      `the step has no \`matrix\`, so there is no \`matrix.${name}\``,
      `add \`matrix: { ${name}: […] }\` to the step`,
    );
    return;
  }
  const names = matrixNames(step.matrix);
  if (names !== undefined && !names.includes(name))
    problems.error('SND121', range, `the matrix gives no \`${name}\``, () => suggest(name, names, 'axes'));
}

/** The names that `matrix.*` can have, where the file itself says them. */
function matrixNames(matrix: Located): readonly string[] | undefined {
  if (matrix.type !== 'map') return undefined;
  const names = [...matrix.entries.keys()].filter((name) => name !== 'include' && name !== 'exclude');
  const include = matrix.entries.get('include')?.value;
  if (include === undefined) return names;
  if (include.type !== 'list') return undefined;
  for (const item of include.items) {
    if (item.type !== 'map') return undefined;
    names.push(...item.entries.keys());
  }
  return [...new Set(names)];
}

function checkLate({ root, path, range, text }: Expression, step: StepDecl | undefined, { problems }: Context): void {
  const declared = step?.with?.entries.get(root)?.value;
  const [name] = path;
  if (typeof name !== 'string' || path.length !== 1) {
    problems.error(
      'SND121',
      range,
      `\`${text}\` must name one of the step's \`${root}\``,
      `for example \`${root}.name\``,
    );
    return;
  }
  if (declared !== undefined && declared.type !== 'map') return;
  const names = [...(declared?.entries.keys() ?? [])];
  if (!names.includes(name))
    problems.error('SND121', range, `the step's \`${root}\` have no \`${name}\``, () =>
      suggest(name, names, `names in \`${root}\``),
    );
}

function checkReference(
  { path, range }: Expression,
  step: StepDecl | undefined,
  { file, loaded, problems }: Context,
): readonly Dependency[] {
  const [id, word, output] = path;
  if (typeof id !== 'string') {
    problems.error(
      'SND121',
      range,
      '`steps` must be followed by the id of a step',
      'for example `steps.prompts.outputs.prompts`',
    );
    return [];
  }
  const target = file.steps.get(id);
  if (target === undefined) {
    problems.error('SND141', range, `there is no step \`${id}\``, () => suggest(id, others(file, step), 'steps'));
    return [];
  }
  const names = outputNames(target, loaded);
  if (word !== 'outputs' || typeof output !== 'string' || path.length !== 3) {
    const near = typeof word === 'string' && names?.includes(word) ? word : (names?.[0] ?? 'name');
    problems.error(
      'SND121',
      range,
      'of a step, expressions know its outputs only',
      `write \`steps.${id}.outputs.${near}\``,
    );
  } else if (names !== undefined && !names.includes(output)) {
    problems.error('SND142', range, `the step \`${id}\` has no output \`${output}\``, () =>
      suggest(output, names, 'its outputs'),
    );
  }
  return [{ step: id, range }];
}

function outputNames(step: StepDecl, loaded: LoadedFile): readonly string[] | undefined {
  if (step.uses?.type === 'kind') {
    // Where the kind says that outputs follow from the config, all of them may be named by it.
    return step.uses.spec.outputsOf !== undefined && Object.keys(step.uses.spec.outputs).length === 0
      ? undefined
      : Object.keys(step.uses.spec.outputs);
  }
  const file = loaded.uses.get(step.id)?.file;
  return file === undefined ? undefined : [...file.outputs.keys()];
}
