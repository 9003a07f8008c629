import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, cp, mkdir, open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { readTable, writeParquet } from '@sonde/tables';
import { openSafetensors } from '@sonde/tensors';
import type { Config, OutputFile } from './kind.ts';

/** Lines of the program's output that a failure shows. */
const LAST_LINES = 20;

/** The environment is small and stated: what else a program needs, `env` says. */
const environment = (added: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    ['PATH', 'HOME', 'LANG'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ),
  ...added,
});

/** Puts paths where `${{ inputs.a }}` and `${{ outputs.t }}` stand. */
const fill = (text: string, paths: ReadonlyMap<string, string>): string =>
  text.replace(
    /\$\{\{\s*(inputs|outputs)\.([a-z][a-z0-9_-]*)\s*\}\}/g,
    (_, group: string, name: string) => paths.get(`${group}.${name}`)!,
  );

/** A copy of each input in the program's own folder, under its own name, that it may not write to. */
const copyInputs = async (
  inputs: Readonly<Record<string, InputArtifact>>,
  folder: string,
): Promise<Map<string, string>> => {
  const paths = new Map<string, string>();
  await mkdir(path.join(folder, 'inputs'), { recursive: true });
  for (const [name, artifact] of Object.entries(inputs)) {
    const extension =
      artifact.ref === undefined
        ? ({ table: '.parquet', tensors: '.safetensors', json: '.json', html: '.html' }[artifact.type as string] ?? '')
        : path.extname(artifact.ref);
    const isFolder = (await stat(artifact.path)).isDirectory();
    const target = path.join(folder, 'inputs', isFolder ? name : name + extension);
    if (isFolder) await cp(artifact.path, target, { recursive: true });
    else {
      await copyFile(artifact.path, target);
      await (await open(target, 'r')).chmod(0o444).catch(() => undefined);
    }
    paths.set(`inputs.${name}`, target);
  }
  return paths;
};

const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-LAST_LINES).join('\n');

const finish = (
  child: ChildProcess,
  program: string,
  signal: AbortSignal,
): Promise<{ code: number | null; by: string | null; said: string }> =>
  new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString('utf8')).slice(-65_536);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    const stop = (): void => {
      child.kill('SIGTERM');
    };
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'there is no such program on the PATH' : error.message;
      reject(new UserError('program', `${program} could not be started: ${why}`));
    });
    child.on('close', (code, by) => resolve({ code, by, said }));
  });

/** Takes an output over, after making sure that it is what the pipeline says it is. */
const takeOutput = async (
  name: string,
  { type, file }: OutputFile,
  source: string,
  target: string,
  said: string,
): Promise<void> => {
  const found = await stat(source).catch(() => undefined);
  if (found === undefined || !found.isFile()) {
    throw new UserError(
      'program',
      `the program did not write its output ${name} (${file})\n${lastLines(said)}`.trimEnd(),
    );
  }
  try {
    if (type === 'table') return await writeParquet(target, await readTable(source));
    if (type === 'tensors') await openSafetensors(source);
    if (type === 'json') JSON.parse(await readFile(source, 'utf8'));
  } catch (error) {
    throw new UserError(
      'program',
      `the program’s output ${name} (${file}) is not of type ${type}: ${(error as Error).message}`,
    );
  }
  await copyFile(source, target);
};

/** `command`. */
export async function run({ config, output, scratch, signal }: RunContext<Config>): Promise<void> {
  const { inputs, outputs } = config;
  const folder = path.join(scratch, 'work');
  await mkdir(folder, { recursive: true });
  const paths = await copyInputs(inputs, folder);
  for (const [name, { file }] of Object.entries(outputs)) paths.set(`outputs.${name}`, path.join(folder, file));
  const [program = '', ...args] = config.argv.map((argument) => fill(argument, paths));
  const env = Object.fromEntries(Object.entries(config.env).map(([name, value]) => [name, fill(value, paths)]));
  const child = spawn(program, args, {
    cwd: folder,
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: false,
  });
  const { code, by, said } = await finish(child, program, signal);
  if (code !== 0) {
    const how = by === null ? `ended with status ${code}` : `was ended by ${by}`;
    throw new UserError('program', `${program} ${how}\n${lastLines(said)}`.trimEnd());
  }
  for (const [name, spec] of Object.entries(outputs))
    await takeOutput(name, spec, paths.get(`outputs.${name}`)!, output(name), said);
}
