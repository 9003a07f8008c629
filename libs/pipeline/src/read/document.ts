import { resolve } from 'node:path';
import type { Problems } from '../diagnostics/problems.ts';
import { createProblems } from '../diagnostics/problems.ts';
import type { StepKindSpec, StepKinds } from '../step-kind.ts';
import type { Located, LocatedEntry, LocatedMap, Range, Source } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { NAME, nearest, suggest } from '../values/words.ts';
import { readYamlMap } from './yaml.ts';

/** One step as its file states it. */
export interface StepDecl {
  readonly id: string;
  /** The step's key. */
  readonly range: Range;
  readonly uses: Uses | undefined;
  readonly with: LocatedMap | undefined;
  /** A map, or an expression that gives one. */
  readonly matrix: Located | undefined;
  readonly needs: readonly { readonly id: string; readonly range: Range }[];
  readonly resources: Located | undefined;
  readonly retries: Located | undefined;
  readonly onFailure: Located | undefined;
  readonly timeout: Located | undefined;
  /** The file's problems make the step's tasks unknown. */
  readonly malformed: boolean;
}

export type Uses =
  | { readonly type: 'kind'; readonly spec: StepKindSpec; readonly range: Range }
  | { readonly type: 'file'; readonly path: string; readonly range: Range };

/** A pipeline file whose form has been checked; names and values have not. */
export interface PipelineFile {
  readonly source: Source;
  readonly name: string;
  readonly description: string;
  /** Absolute paths of the modules whose step kinds the file uses. */
  readonly modules: readonly string[];
  readonly params: ReadonlyMap<string, LocatedEntry>;
  readonly steps: ReadonlyMap<string, StepDecl>;
  readonly outputs: ReadonlyMap<string, LocatedEntry>;
}

export const TOP_KEYS = ['sonde', 'name', 'description', 'modules', 'params', 'steps', 'outputs'] as const;
/** Settings of a step's tasks: what they are given, and what becomes of those that fail. */
const SETTING_KEYS = ['resources', 'retries', 'on_failure', 'timeout'] as const;
export const STEP_KEYS = ['uses', 'with', 'matrix', 'needs', ...SETTING_KEYS, 'description'] as const;

/** Reads the text of a pipeline file. Undefined where it is no map; every problem found is in `problems`. */
export function readPipelineFile(source: Source, kinds: StepKinds, problems: Problems): PipelineFile | undefined {
  const root = readYamlMap(source, problems, 'a pipeline (`sonde: 1`, `name:`, `steps:`)');
  if (root === undefined) return undefined;
  checkKeys(root, TOP_KEYS, 'a pipeline', problems);
  const start: Range = { file: source, start: root.range.start, end: firstKeyEnd(root) };
  if (!readVersion(root, start, problems)) return undefined;
  const name = readName(root, start, problems);
  const params = readMap(root, 'params', problems)?.entries ?? new Map<string, LocatedEntry>();
  checkNames(params, 'parameter', problems);
  const outputs = readMap(root, 'outputs', problems)?.entries ?? new Map<string, LocatedEntry>();
  checkNames(outputs, 'output', problems);
  const steps = new Map<string, StepDecl>();
  const stepMap = readMap(root, 'steps', problems);
  for (const [id, entry] of stepMap?.entries ?? []) steps.set(id, readStep(id, entry, kinds, problems));
  checkNames(stepMap?.entries ?? new Map(), 'step', problems);
  if (
    steps.size === 0 &&
    root.entries.get('steps')?.value.type !== 'broken' &&
    (stepMap !== undefined || !root.entries.has('steps'))
  ) {
    problems.error(
      'SND112',
      root.entries.get('steps')?.keyRange ?? start,
      'the pipeline has no steps',
      'add at least one step under `steps:`',
    );
  }
  const description = readString(root, 'description', problems) ?? '';
  return { source, name, description, modules: readModules(root, problems), params, steps, outputs };
}

/**
 * The modules that a pipeline file names, before anything else of it is read: their step kinds are needed for that. What
 * is wrong with the file is told when it is read whole.
 */
export function modulesNamedIn(source: Source): readonly string[] {
  if (!/\bmodules\b/.test(source.text)) return [];
  const problems = createProblems();
  const root = readYamlMap(source, problems, 'a pipeline');
  return root === undefined ? [] : readModules(root, problems);
}

function readModules(root: LocatedMap, problems: Problems): string[] {
  const value = root.entries.get('modules')?.value;
  if (value === undefined || value.type === 'broken') return [];
  const items = value.type === 'list' ? value.items : [value];
  return items.flatMap((item) => {
    if (item.type === 'scalar' && typeof item.value === 'string' && /\.(m?js|mts|ts)$/.test(item.value)) {
      return [resolve(item.range.file.folder, item.value)];
    }
    if (item.type !== 'broken') {
      problems.error(
        'SND107',
        item.range,
        `\`modules\` must be a list of JavaScript files, found ${describeNode(item)}`,
        'for example [./kinds.js]; each exports step kinds made by defineStep',
      );
    }
    return [];
  });
}

function firstKeyEnd(root: LocatedMap): number {
  return [...root.entries.values()][0]?.keyRange.end ?? root.range.start;
}

function checkKeys(map: LocatedMap, known: readonly string[], what: string, problems: Problems): void {
  for (const [key, { keyRange }] of map.entries) {
    if (!known.includes(key))
      problems.error('SND104', keyRange, `unknown key \`${key}\` in ${what}`, () => suggest(key, known, 'keys'));
  }
}

function checkNames(entries: ReadonlyMap<string, LocatedEntry>, what: string, problems: Problems): void {
  for (const [name, { keyRange }] of entries) {
    if (!NAME.test(name)) {
      problems.error(
        'SND109',
        keyRange,
        `\`${name}\` is not a name for ${what === 'output' ? 'an' : 'a'} ${what}`,
        'lower-case letters, digits, `_` and `-`, a letter first',
      );
    }
  }
}

function readVersion(root: LocatedMap, start: Range, problems: Problems): boolean {
  const entry = root.entries.get('sonde');
  if (entry === undefined) {
    const typo = nearest('sonde', root.entries.keys());
    problems.error(
      'SND106',
      start,
      'a pipeline file must say `sonde: 1`',
      typo === undefined ? 'add the line `sonde: 1` at the top' : `did you mean \`sonde\` where it says \`${typo}\`?`,
    );
    return true;
  }
  const { value } = entry;
  if (value.type === 'scalar' && value.value === 1) return true;
  if (value.type === 'scalar' && typeof value.value === 'number' && value.value > 1) {
    problems.error(
      'SND110',
      value.range,
      `the file is written in version ${value.value} of the language; this Sonde reads version 1`,
      'upgrade Sonde',
    );
    return false;
  }
  if (value.type !== 'broken')
    problems.error('SND110', value.range, `\`sonde\` must be 1, found ${describeNode(value)}`);
  return true;
}

function readName(root: LocatedMap, start: Range, problems: Problems): string {
  const entry = root.entries.get('name');
  if (entry === undefined) {
    problems.error('SND106', start, 'a pipeline needs a `name`', 'its results go into results/<name>/');
    return '';
  }
  const name = readString(root, 'name', problems);
  if (name !== undefined && !NAME.test(name)) {
    problems.error(
      'SND109',
      entry.value.range,
      `\`${name}\` is not a name for a pipeline`,
      'lower-case letters, digits, `_` and `-`, a letter first',
    );
  }
  return name ?? '';
}

function readString(map: LocatedMap, key: string, problems: Problems): string | undefined {
  const value = map.entries.get(key)?.value;
  if (value === undefined || value.type === 'broken') return undefined;
  if (value.type === 'scalar' && typeof value.value === 'string') {
    if (!value.value.includes('${{')) return value.value;
    problems.error('SND125', value.range, `\`${key}\` is read before expressions are`, 'write it out');
    return undefined;
  }
  problems.error('SND107', value.range, `\`${key}\` must be text, found ${describeNode(value)}`);
  return undefined;
}

function readMap(parent: LocatedMap, key: string, problems: Problems): LocatedMap | undefined {
  const value = parent.entries.get(key)?.value;
  if (value === undefined || value.type === 'broken') return undefined;
  if (value.type === 'map') return value;
  if (value.type === 'scalar' && value.value === null) return { type: 'map', entries: new Map(), range: value.range };
  problems.error('SND107', value.range, `\`${key}\` must be a map, found ${describeNode(value)}`);
  return undefined;
}

function readStep(id: string, entry: LocatedEntry, kinds: StepKinds, problems: Problems): StepDecl {
  const before = problems.errorCount();
  const { keyRange: range, value } = entry;
  if (value.type !== 'map') {
    if (value.type !== 'broken')
      problems.error(
        'SND107',
        value.range.start === value.range.end ? range : value.range,
        `the step \`${id}\` must be a map with \`uses:\`, found ${describeNode(value)}`,
      );
    return {
      id,
      range,
      uses: undefined,
      with: undefined,
      matrix: undefined,
      needs: [],
      resources: undefined,
      retries: undefined,
      onFailure: undefined,
      timeout: undefined,
      malformed: true,
    };
  }
  checkKeys(value, STEP_KEYS, 'a step', problems);
  readString(value, 'description', problems);
  const matrix = value.entries.get('matrix')?.value;
  if (
    matrix !== undefined &&
    matrix.type !== 'map' &&
    matrix.type !== 'broken' &&
    !(matrix.type === 'scalar' && typeof matrix.value === 'string' && matrix.value.includes('${{'))
  ) {
    problems.error(
      'SND150',
      matrix.range,
      `\`matrix\` must be a map from axis names to lists, found ${describeNode(matrix)}`,
      'for example { model: [a, b] }',
    );
  }
  const step = {
    id,
    range,
    uses: readUses(id, value, range, kinds, problems),
    with: readMap(value, 'with', problems),
    matrix,
    needs: readNeeds(value, problems),
    resources: value.entries.get('resources')?.value,
    retries: value.entries.get('retries')?.value,
    onFailure: value.entries.get('on_failure')?.value,
    timeout: value.entries.get('timeout')?.value,
  };
  if (step.uses?.type === 'file') {
    for (const key of SETTING_KEYS) {
      const found = value.entries.get(key);
      if (found !== undefined)
        problems.error(
          'SND104',
          found.keyRange,
          `\`${key}\` cannot be given to a step that uses a pipeline file`,
          'give it to the steps in that file',
        );
    }
  }
  return { ...step, malformed: problems.errorCount() > before };
}

function readUses(id: string, step: LocatedMap, range: Range, kinds: StepKinds, problems: Problems): Uses | undefined {
  const entry = step.entries.get('uses');
  if (entry === undefined) {
    problems.error(
      'SND106',
      range,
      `the step \`${id}\` does not say what it \`uses\``,
      'name a step kind, for example `uses: prompts/sample` (see `sonde steps`)',
    );
    return undefined;
  }
  const text = readString(step, 'uses', problems);
  if (text === undefined) return undefined;
  const at = entry.value.range;
  if (/^(\.{1,2}\/|\/|[A-Za-z]:[\\/]|\.{1,2}\\)/.test(text)) return { type: 'file', path: text, range: at };
  const spec = kinds.get(text);
  if (spec !== undefined) return { type: 'kind', spec, range: at };
  problems.error('SND140', at, `unknown step kind \`${text}\``, () => hintForKind(text, kinds));
  return undefined;
}

function hintForKind(text: string, kinds: StepKinds): string {
  if (/\.ya?ml$/.test(text)) return `a pipeline file is named by its path: \`./${text}\``;
  const hint = suggest(text, kinds.keys(), 'step kinds');
  if (nearest(text, kinds.keys()) !== undefined) return hint;
  return `a kind of your own comes with its module: \`modules: [./kinds.js]\` in the file, and \`--allow-code\`; ${hint}`;
}

function readNeeds(step: LocatedMap, problems: Problems): StepDecl['needs'] {
  const value = step.entries.get('needs')?.value;
  if (value === undefined || value.type === 'broken') return [];
  const items = value.type === 'list' ? value.items : [value];
  return items.flatMap((item) => {
    if (item.type === 'scalar' && typeof item.value === 'string') return [{ id: item.value, range: item.range }];
    if (item.type !== 'broken')
      problems.error('SND107', item.range, `\`needs\` is a list of step ids, found ${describeNode(item)}`);
    return [];
  });
}
