import { dirname, resolve } from 'node:path';
import { type PlainObject, toPlain } from './config/artifact.ts';
import { applyDefaults } from './config/defaults.ts';
import { configIssues } from './config/schema-errors.ts';
import { placeOf } from './config/schema-walk.ts';
import { blame } from './diagnostics/blame.ts';
import type { Diagnostic } from './diagnostics/diagnostic.ts';
import { createProblems, type Problems } from './diagnostics/problems.ts';
import { readSource } from './read/files.ts';
import { readYamlMap } from './read/yaml.ts';
import type { ConfigProblem, ConfigSchema } from './step-kind.ts';
import { locate, type Source } from './values/located.ts';

/** What a settings file may say. */
export interface SettingsForm<Value> {
  /** `Slurm profile`: names the file in messages. */
  readonly what: string;
  readonly schema: ConfigSchema<Value>;
  /** What a schema cannot say. */
  check?(value: Value): readonly ConfigProblem[];
}

export type SettingsResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Reads a YAML file of settings, in which no expressions are: with the schema's defaults, or everything that is wrong
 * with it, each where it stands.
 */
export async function readSettings<Value>(path: string, form: SettingsForm<Value>): Promise<SettingsResult<Value>> {
  const problems = createProblems();
  const source = await readSource(resolve(path), form.what, undefined, problems);
  return source === undefined ? { ok: false, diagnostics: problems.all() } : settingsIn(source, form, problems);
}

/** As `readSettings`, for a text that would be at `path`. */
export function readSettingsText<Value>(text: string, path: string, form: SettingsForm<Value>): SettingsResult<Value> {
  const absolute = resolve(path);
  return settingsIn({ path: absolute, text, folder: dirname(absolute) }, form, createProblems());
}

function settingsIn<Value>(source: Source, form: SettingsForm<Value>, problems: Problems): SettingsResult<Value> {
  const root = readYamlMap(source, problems, `a ${form.what}`);
  if (root === undefined || problems.errorCount() > 0) return { ok: false, diagnostics: problems.all() };
  const plain = toPlain(root) as PlainObject;
  applyDefaults(plain, placeOf(form.schema, plain, 'none'), form.schema);
  for (const issue of configIssues(form.schema, plain)) {
    const found = locate(root, issue.path, issue.key);
    blame(problems, issue, found.range, found.use, root.range);
  }
  if (problems.errorCount() === 0) {
    for (const { path, message } of form.check?.(plain as Value) ?? []) {
      const found = locate(root, path);
      blame(problems, { code: 'SND108', message }, found.range, found.use, root.range);
    }
  }
  return problems.errorCount() > 0 ? { ok: false, diagnostics: problems.all() } : { ok: true, value: plain as Value };
}
