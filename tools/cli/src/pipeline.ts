import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type JsonValue, UserError } from '@sonde/base';
import type { RunRefused } from '@sonde/executor';
import { type Diagnostic, type Graph, parseSetValue, renderDiagnostic } from '@sonde/pipeline';
import { loadPipeline } from './api.ts';
import { isBundle, openForCommand } from './bundle-file.ts';
import { EXIT } from './errors.ts';
import { type AwayCommandOptions, executorOf } from './executors.ts';
import { shellWord } from './format.ts';
import { createRemoteNews, type RemoteOptions, remotesOf } from './remotes.ts';
import { exitWith, openTerminal, printJson, type Terminal, type TerminalOptions } from './terminal.ts';

/** Options that every command takes. */
export interface CommonOptions extends TerminalOptions {
  readonly store?: string;
  readonly json?: boolean;
}

/** Options of the commands that read a pipeline file. */
export interface PipelineOptions extends ModuleOptions, RemoteOptions, AwayCommandOptions {
  readonly set?: readonly string[];
  readonly params?: string;
  readonly refresh?: readonly string[];
  readonly device?: string;
  readonly frozen?: boolean;
  readonly offline?: boolean;
}

/** Codes of problems that show only when a valid pipeline meets this machine; docs/reference/diagnostics.md lists them. */
const REFUSED = { data: 'SND201', code: 'SND202', device: 'SND203', target: 'SND204' } as const;

/** `--set name=value` as parameters; the value is YAML. */
function parseSet(assignments: readonly string[] = []): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {};
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    if (equals < 1) throw new UserError('usage', `--set takes NAME=VALUE, not "${assignment}"`);
    try {
      values[assignment.slice(0, equals)] = parseSetValue(assignment.slice(equals + 1));
    } catch (error) {
      throw new UserError('usage', `--set ${assignment}: the value is not YAML: ${(error as Error).message}`);
    }
  }
  return values;
}

export function printDiagnostics(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  for (const diagnostic of diagnostics) {
    terminal.error(
      `${renderDiagnostic(diagnostic, { color: terminal.colors.isColorSupported, cwd: process.cwd() })}\n`,
    );
  }
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) terminal.error(`${errors} ${errors === 1 ? 'problem' : 'problems'}.`);
}

/** A diagnostic as `--json` prints it. */
export function diagnosticJson({ code, severity, message, times, range, hint }: Diagnostic): Record<string, unknown> {
  const position = range && lineAndColumn(range.file.text, range.start);
  return {
    code,
    severity,
    message,
    ...(times !== undefined && { times }),
    ...(range && { file: range.file.path, ...position }),
    ...(hint && { hint }),
  };
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: [...before.at(-1)!].length + 1 };
}

/** Options of the commands that load step kinds. */
export interface ModuleOptions extends CommonOptions {
  readonly module?: readonly string[];
  readonly allowCode?: boolean | string;
}

/** The modules of `--module`; they are code, so they need consent. */
export function checkConsent(options: ModuleOptions): void {
  if ((options.module?.length ?? 0) > 0 && options.allowCode === undefined) {
    throw new UserError('usage', '--module runs the code of that file', 'Read it, then add --allow-code.');
  }
}

/** Whether `--allow-code` holds for this pipeline: plain, or as the digest of the very file that was read. */
export function consents(graph: Graph, allowCode: boolean | string | undefined): boolean {
  if (typeof allowCode !== 'string') return allowCode === true;
  const wanted = allowCode.replace(/^sha256:/, '');
  const digest = createHash('sha256').update(readFileSync(graph.files[0]!.path)).digest('hex');
  if (digest === wanted) return true;
  throw new UserError(
    'usage',
    `--allow-code=${allowCode} is for another file: ${graph.files[0]!.path} has the digest sha256:${digest}`,
    'Read the file again before you consent to it.',
  );
}

/** Reads the pipeline, or the one in a bundle; its diagnostics end the command with status 2. */
export async function readGraph(file: string, options: PipelineOptions): Promise<Graph> {
  const terminal = openTerminal(options);
  checkConsent(options);
  executorOf(options);
  const opened = isBundle(file) ? await openForCommand(file, options, terminal) : undefined;
  const params = options.params ?? opened?.params;
  const loaded = await loadPipeline(opened?.file ?? file, {
    set: parseSet(options.set),
    ...(params === undefined ? {} : { params }),
    ...(options.module === undefined ? {} : { modules: options.module }),
    allowModules: options.allowCode === true,
  });
  const ofProfile = await profileProblems(file, options);
  const diagnostics = [...(loaded.ok ? loaded.warnings : loaded.diagnostics), ...ofProfile];
  const isValid = loaded.ok && ofProfile.length === 0;
  if (!isValid && options.json)
    printJson(terminal, { sonde: 1, pipeline: file, diagnostics: diagnostics.map(diagnosticJson) });
  else printDiagnostics(diagnostics, terminal);
  return isValid ? loaded.graph : exitWith(EXIT.invalid);
}

/** What is wrong with the file that says how Slurm is asked for jobs, where the command would read one. */
async function profileProblems(pipeline: string, options: PipelineOptions): Promise<readonly Diagnostic[]> {
  if (options.profile === undefined && executorOf(options) !== 'slurm') return [];
  const { readSlurmProfile } = await import('./slurm.ts');
  const read = await readSlurmProfile(pipeline, options.profile);
  return read.ok ? [] : read.diagnostics;
}

function refusals({ problems }: RunRefused): Diagnostic[] {
  return problems.map(({ code, message, range, hint }) => ({
    code: REFUSED[code],
    severity: 'error',
    message,
    ...(range && { range }),
    ...(hint !== undefined && { hint }),
  }));
}

/** Shows why a valid pipeline cannot run here: at its places in the file where they are known. */
export function printRefusal(error: RunRefused, terminal: Terminal): void {
  printDiagnostics(refusals(error), terminal);
}

/** The same as the object that `--json` prints of every file that cannot be used. */
export function refusalJson(error: RunRefused, file: string) {
  return {
    sonde: 1,
    pipeline: file,
    diagnostics: refusals(error).map(diagnosticJson),
  };
}

/** What a command that we propose must say for the same store. */
export function sameStore({ store }: CommonOptions): string {
  return store === undefined ? '' : ` --store ${shellWord(store)}`;
}

/** The options of the programming interface that these command-line options stand for. */
export function storeOptions(options: PipelineOptions, targets?: readonly string[]) {
  return {
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.module === undefined ? {} : { modules: options.module }),
    ...(options.refresh === undefined ? {} : { refresh: options.refresh }),
    ...(options.device === undefined ? {} : { device: options.device }),
    executor: executorOf(options),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    frozen: options.frozen === true,
    offline: options.offline === true,
    remotes: remotesOf(options),
    onRemote: createRemoteNews(openTerminal(options)).tell,
    ...(targets === undefined || targets.length === 0 ? {} : { targets }),
  };
}
