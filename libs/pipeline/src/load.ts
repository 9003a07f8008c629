import { dirname, resolve } from 'node:path';
import type { JsonValue } from '@sonde/base';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { createProblems, type Problems } from './diagnostics/problems.ts';
import { createBudget } from './expand/budget.ts';
import { createTemplates } from './expand/expression.ts';
import { bindParams, type Given, locateSetValue, readParamsFile } from './expand/params.ts';
import { expandPipeline } from './expand/tasks.ts';
import type { DataRef, Graph } from './graph.ts';
import { modulesNamedIn } from './read/document.ts';
import { allFiles, loadFiles, readSource } from './read/files.ts';
import type { StepKinds } from './step-kind.ts';
import { type LocatedEntry, type Source, toJson } from './values/located.ts';

export interface LoadOptions {
  /** The step kinds that `uses:` can name; or how to have them, given the modules that the file names (absolute paths). */
  readonly kinds: StepKinds | ((modules: readonly string[]) => Promise<StepKinds>);
  /** Values of `--set`, parsed (`parseSetValue`); relative paths in them start at `cwd`. */
  readonly set?: Readonly<Record<string, JsonValue>>;
  /** A YAML file of parameter values; relative paths in it start at its folder. `set` wins over it. */
  readonly paramsFile?: string;
  readonly cwd: string;
  /** What is wrong with data that a config names, if anything. Called once for each different datum and types. */
  readonly dataProblem?: (ref: DataRef) => string | undefined;
}

export type LoadResult =
  | { readonly ok: true; readonly graph: Graph; readonly warnings: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Reads, checks and expands a pipeline file. Bad input is in the result, all of it at once; nothing is thrown for it. */
export async function loadPipeline(path: string, options: LoadOptions): Promise<LoadResult> {
  const problems = createProblems();
  const source = await readSource(resolve(options.cwd, path), 'pipeline file', undefined, problems);
  return source === undefined ? { ok: false, diagnostics: problems.all() } : load(source, options, problems);
}

/** As `loadPipeline`, for a text that would be at `path`; the files it uses are read from disk. */
export function loadPipelineText(text: string, path: string, options: LoadOptions): Promise<LoadResult> {
  const absolute = resolve(options.cwd, path);
  return load({ path: absolute, text, folder: dirname(absolute) }, options, createProblems());
}

async function load(source: Source, options: LoadOptions, problems: Problems): Promise<LoadResult> {
  const modules = modulesNamedIn(source);
  const kinds = typeof options.kinds === 'function' ? await options.kinds(modules) : options.kinds;
  const loaded = await loadFiles(source, kinds, problems);
  const given: Given[] = [];
  if (options.paramsFile !== undefined) {
    const params = await readSource(resolve(options.cwd, options.paramsFile), 'parameter file', undefined, problems);
    if (params !== undefined) given.push({ entries: readParamsFile(params, problems), blame: undefined });
  }
  const set = new Map<string, LocatedEntry>();
  for (const [name, value] of Object.entries(options.set ?? {}))
    set.set(name, locateSetValue(name, value, options.cwd, problems));
  given.push({ entries: set, blame: undefined });

  const { file } = loaded;
  if (file === undefined) return { ok: false, diagnostics: problems.all() };
  const params = bindParams(file, given, problems);
  const evaluator = { templates: createTemplates(problems), problems, budget: createBudget(problems) };
  const { tasks, outputs, broken } = expandPipeline(loaded, params, evaluator, once(options.dataProblem));
  const diagnostics = problems.all();
  // Errors can be why a parameter seems unused: warnings wait until there are none.
  if (problems.errorCount() > 0)
    return { ok: false, diagnostics: diagnostics.filter(({ severity }) => severity === 'error') };
  if (broken) throw new Error(`${source.path}: a step was left out without a diagnostic that says why`);
  const graph: Graph = {
    name: file.name,
    description: file.description,
    tasks,
    outputs,
    modules: file.modules,
    params: Object.fromEntries([...params].map(([name, node]) => [name, toJson(node)])),
    files: allFiles(loaded).map(({ path, sha256 }) => ({ path, sha256 })),
  };
  return { ok: true, graph, warnings: diagnostics };
}

/** Asks once for each datum, however many tasks name it. */
function once(ask: LoadOptions['dataProblem']): (ref: DataRef) => string | undefined {
  if (ask === undefined) return () => undefined;
  const answers = new Map<string, string | undefined>();
  return (ref) => {
    const id = `${ref.scheme}:${ref.target} ${ref.types.join(' ')}`;
    if (!answers.has(id)) answers.set(id, ask(ref));
    return answers.get(id);
  };
}
