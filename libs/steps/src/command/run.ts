import { chmod, copyFile, cp, lstat, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { programEnvironment, repeatedKey, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import type { ArtifactType } from '@sonde/pipeline';
import { readTable, writeParquet } from '@sonde/tables';
import { openSafetensors } from '@sonde/tensors';
import type { Config, OutputFile } from './config.ts';
import { changesBetween, snapshotOf } from './outside.ts';
import { type Ended, runProgram } from './program.ts';

/** Lines of the program's output that a failure shows. */
const LAST_LINES = 20;

/** Puts paths where `${{ inputs.a }}` and `${{ outputs.t }}` stand. */
function fill(text: string, paths: ReadonlyMap<string, string>): string {
  return text.replace(
    /\$\{\{\s*(inputs|outputs)\.([a-z][a-z0-9_-]*)\s*\}\}/g,
    (_, group: string, name: string) => paths.get(`${group}.${name}`)!,
  );
}

const EXTENSIONS: Readonly<Partial<Record<ArtifactType, string>>> = {
  table: '.parquet',
  tensors: '.safetensors',
  json: '.json',
  html: '.html',
};

/** A copy of each input in the program's own folder, under its own name, that it may not write to. */
async function copyInputs(
  inputs: Readonly<Record<string, InputArtifact>>,
  folder: string,
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  await mkdir(path.join(folder, 'inputs'), { recursive: true });
  for (const [name, artifact] of Object.entries(inputs)) {
    const extension = artifact.ref === undefined ? (EXTENSIONS[artifact.type] ?? '') : path.extname(artifact.ref);
    const isFolder = (await stat(artifact.path)).isDirectory();
    const target = path.join(folder, 'inputs', isFolder ? name : name + extension);
    if (isFolder) await cp(artifact.path, target, { recursive: true });
    else {
      await copyFile(artifact.path, target);
      await chmod(target, 0o444).catch(() => undefined);
    }
    paths.set(`inputs.${name}`, target);
  }
  return paths;
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}

/** Takes an output over, after making sure that it is what the pipeline says it is. */
async function takeOutput(
  name: string,
  { type, file }: OutputFile,
  source: string,
  target: string,
  said: string,
): Promise<void> {
  const found = await lstat(source).catch(() => undefined);
  if (found === undefined) {
    throw new UserError(
      'program',
      `the program did not write its output ${name} (${file})\n${lastLines(said)}`.trimEnd(),
    );
  }
  if (!found.isFile()) {
    const what = found.isSymbolicLink() ? 'a symbolic link' : found.isDirectory() ? 'a folder' : 'no regular file';
    throw new UserError('program', `the program’s output ${name} (${file}) is ${what}; a file was expected`);
  }
  try {
    if (type === 'table') return await writeParquet(target, await readTable(source));
    if (type === 'tensors') await openSafetensors(source);
    if (type === 'json') requireJson(await readFile(source, 'utf8'));
  } catch (error) {
    throw new UserError(
      'program',
      `the program’s output ${name} (${file}) is not of type ${type}: ${(error as Error).message}`,
    );
  }
  await copyFile(source, target);
}

function requireJson(text: string): void {
  JSON.parse(text);
  const key = repeatedKey(text);
  if (key !== undefined) throw new Error(`it has the key ${JSON.stringify(key)} twice in one object`);
}

/** `command`. */
export async function run({ config, output, scratch, signal, log }: RunContext<Config>): Promise<void> {
  const { inputs, outputs } = config;
  const folder = path.join(await realpath(scratch), 'work');
  await mkdir(folder, { recursive: true });
  const paths = await copyInputs(inputs, folder);
  for (const [name, { file }] of Object.entries(outputs)) paths.set(`outputs.${name}`, path.join(folder, file));
  const [program = '', ...args] = config.argv.map((argument) => fill(argument, paths));
  const env = Object.fromEntries(Object.entries(config.env).map(([name, value]) => [name, fill(value, paths)]));
  const before = await snapshotOf(process.cwd());
  // Who looks at a run while it goes on sees its last lines.
  const onText = (text: string) => process.stderr.write(text);
  // It is small and stated: what else a program needs, `env` says.
  const environment = { ...programEnvironment(), ...env };
  const ended = await runProgram(program, args, { folder, env: environment, signal, onText });
  sayLeftBehind(program, ended, log);
  if (before !== undefined) await sayOutside(program, before, log);
  const { code, by, said } = ended;
  if (code !== 0) {
    const how = by === null ? `ended with status ${code}` : `was ended by ${by}`;
    throw new UserError('program', `${program} ${how}\n${lastLines(said)}`.trimEnd());
  }
  for (const [name, spec] of Object.entries(outputs))
    await takeOutput(name, spec, paths.get(`outputs.${name}`)!, output(name), said);
}

async function sayOutside(program: string, before: ReadonlyMap<string, string>, log: RunContext['log']): Promise<void> {
  const after = await snapshotOf(process.cwd());
  const changes = after === undefined ? [] : changesBetween(before, after);
  if (changes.length === 0) return;
  const more = changes.length > 3 ? `, and ${changes.length - 3} more` : '';
  log(
    'warning',
    `while ${program} ran, files outside its folder changed in ${process.cwd()}: ${changes.slice(0, 3).join(', ')}${more}. What a program writes there is no output, and is not there where its result comes from the store`,
  );
}

function sayLeftBehind(program: string, { leftBehind }: Ended, log: RunContext['log']): void {
  if (leftBehind.length === 0) return;
  const some = leftBehind.slice(0, 3).map(({ pid, command }) => `${command.slice(0, 60) || 'unnamed'} (${pid})`);
  const more = leftBehind.length > some.length ? `, and ${leftBehind.length - some.length} more` : '';
  const processes = leftBehind.length === 1 ? 'a process' : `${leftBehind.length} processes`;
  log('warning', `${program} left ${processes} behind, which the step has ended: ${some.join(', ')}${more}`);
}
