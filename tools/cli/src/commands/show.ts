import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import type { Axes, Graph, OutputSpec } from '@sonde/pipeline';
import { axesName, createNames, extensionOf } from '@sonde/results';
import { openStore, type Store, type StoredArtifact, StoreError } from '@sonde/store';
import { readTable, type Table, rows as tableRows } from '@sonde/tables';
import { openSafetensors, readFloat32 } from '@sonde/tensors';
import { plan, storeFolder } from '../api.ts';
import { EXIT } from '../errors.ts';
import { formatBytes } from '../format.ts';
import { type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { alignColumns, exitWith, openTerminal, printJson, type Terminal, visible } from '../terminal.ts';
import { exportArtifact, memberOf } from './export.ts';

interface ShowOptions extends PipelineOptions {
  readonly rows: number;
  readonly out?: string;
  readonly tensor?: string;
}

interface Found {
  readonly task: string;
  readonly output: string;
  readonly artifact: StoredArtifact;
  readonly axes: Axes;
  readonly spec: OutputSpec | undefined;
}

/** Where each output goes: to the file that is named; several into a folder (`DIR/`), or a file each (`{}` its name). */
function targetsOf(out: string, found: readonly Found[], name: string): [string, StoredArtifact][] {
  const pattern = out.endsWith('/') || (path.extname(out) === '' && isFolder(out)) ? path.join(out, '{}') : out;
  if (!pattern.includes('{}')) {
    if (found.length === 1) return [[out, found[0]!.artifact]];
    throw new UserError(
      'usage',
      `${name} names ${found.length} outputs, and ${out} is one file`,
      `All of them: --out DIR/, or a format for all: --out 'DIR/{}.csv'. One: "${found[0]!.task}.${found[0]!.output}".`,
    );
  }
  const isOne = new Set(found.map(({ output }) => output)).size === 1;
  const nameOf = createNames();
  return found.map(({ output, artifact, axes, spec }) => {
    const base = [...(isOne && Object.keys(axes).length > 0 ? [] : [output]), axesName(axes)].filter(Boolean).join(',');
    const ending = path.extname(pattern.replaceAll('{}', 'x'));
    const file = nameOf(base, ending === '' ? extensionOf(artifact, spec) : ending);
    return [pattern.replace(`{}${ending}`, file), artifact];
  });
}

function isFolder(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The outputs that `STEP`, `STEP.OUTPUT` or a task id names; every name must exist. */
function chooseOutputs(graph: Graph, name: string): { task: string; output: string }[] {
  const byTask = graph.tasks.filter((task) => task.id === name || task.step === name);
  if (byTask.length > 0)
    return byTask.flatMap((task) => Object.keys(task.outputs).map((output) => ({ task: task.id, output })));
  const dot = name.lastIndexOf('.');
  const [step, output] = [name.slice(0, dot), name.slice(dot + 1)];
  const tasks = dot < 0 ? [] : graph.tasks.filter((task) => task.id === step || task.step === step);
  if (tasks.length === 0) {
    throw new UserError(
      'usage',
      `${graph.name} has no step or output "${name}"`,
      `Its steps: ${[...new Set(graph.tasks.map((task) => task.step))].join(', ')}.`,
    );
  }
  if (!tasks.some((task) => output in task.outputs)) {
    throw new UserError(
      'usage',
      `${step} has no output "${output}"`,
      `It has: ${Object.keys(tasks[0]!.outputs).join(', ')}.`,
    );
  }
  return tasks.map((task) => ({ task: task.id, output }));
}

function cellText(value: unknown): string {
  if (value === null) return '–';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(6);
  const plain = (_: string, item: unknown): unknown => (typeof item === 'bigint' ? Number(item) : item);
  const text = visible(typeof value === 'string' ? value : JSON.stringify(value, plain));
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}

function showTable(table: Table, limit: number, terminal: Terminal): void {
  const { dim } = terminal.colors;
  terminal.out(dim(`${table.rowCount} rows × ${table.columns.length} columns`));
  const header = table.columns.map(({ name, type }) => `${name} ${dim(type)}`);
  const body: string[][] = [];
  for (const row of tableRows(table)) {
    if (body.length === limit) break;
    body.push(table.columns.map(({ name }) => cellText(row[name])));
  }
  for (const line of alignColumns([header, ...body])) terminal.out(line);
  if (table.rowCount > limit) terminal.out(dim(`… ${table.rowCount - limit} more`));
}

function statistics(values: Float32Array): string {
  if (values.length === 0) return 'empty';
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return `min ${min.toPrecision(4)}  mean ${mean.toPrecision(4)}  max ${max.toPrecision(4)}  sd ${Math.sqrt(squares / values.length).toPrecision(4)}`;
}

async function showTensors(file: string, terminal: Terminal): Promise<void> {
  const opened = await openSafetensors(file);
  const lines: string[][] = [];
  for (const [name, { dtype, shape }] of opened.tensors) {
    const floats = /^(F|BF)/.test(dtype) ? statistics((await readFloat32(opened, name)).data) : '';
    lines.push([name, dtype, `[${shape.join(', ')}]`, floats]);
  }
  for (const line of alignColumns(lines)) terminal.out(line);
  for (const [key, value] of Object.entries(opened.metadata)) terminal.out(terminal.colors.dim(`${key}: ${value}`));
}

/** Where an artifact lies; undefined for a folder in a store that nothing can be laid out in. */
async function placeOf(artifact: StoredArtifact, store: Store): Promise<string | undefined> {
  try {
    return await store.artifacts.open(artifact);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'permission' && artifact.files !== undefined) return undefined;
    throw error;
  }
}

async function show1(
  { task, output, artifact }: Found,
  store: Store,
  options: ShowOptions,
  terminal: Terminal,
): Promise<void> {
  const { bold, dim } = terminal.colors;
  terminal.out(
    `${bold(`${task}.${output}`)}  ${dim(`${artifact.type}, ${formatBytes(artifact.size)}, ${artifact.digest}`)}`,
  );
  const file = (name?: string) => store.artifacts.openFile(artifact, name);
  switch (artifact.type) {
    case 'table':
      showTable(await readTable(await file()), options.rows, terminal);
      break;
    case 'tensors':
      await showTensors(await file(memberOf(artifact, '.safetensors')), terminal);
      break;
    case 'json':
      printJson(terminal, JSON.parse(await readFile(await file(), 'utf8')));
      break;
    default:
      terminal.out((await placeOf(artifact, store)) ?? 'a folder that is not laid out: the store cannot be written to');
  }
  terminal.out('');
}

/** `sonde show`. */
export async function show(file: string, name: string, options: ShowOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const chosen = chooseOutputs(graph, name);
  const { tasks } = await plan(graph, storeOptions(options, [...new Set(chosen.map(({ task }) => task))]));
  const records = new Map(tasks.map(({ task, record }) => [task, record]));
  const nodes = new Map(graph.tasks.map((task) => [task.id, task]));
  const found: Found[] = chosen.flatMap(({ task, output }) => {
    const artifact = records.get(task)?.outputs[output];
    const node = nodes.get(task)!;
    return artifact === undefined ? [] : [{ task, output, artifact, axes: node.axes, spec: node.outputs[output] }];
  });
  if (found.length === 0) {
    terminal.error(`${name} has no result yet; sonde run computes it.`);
    return exitWith(EXIT.failed);
  }
  const store = await openStore(storeFolder(options.store));
  if (options.out !== undefined) {
    const files: string[] = [];
    for (const [target, artifact] of targetsOf(options.out, found, name))
      files.push(...(await exportArtifact(target, artifact, store, options.tensor)));
    if (options.json) printJson(terminal, { sonde: 1, pipeline: graph.name, files });
    else for (const file of files) terminal.out(file);
    return;
  }
  if (options.tensor !== undefined) throw new UserError('usage', '--tensor goes with --out FILE.npy');
  if (options.json) {
    return printJson(terminal, {
      sonde: 1,
      pipeline: graph.name,
      outputs: await Promise.all(
        found.map(async ({ task, output, artifact }) => ({
          task,
          output,
          ...artifact,
          path: await placeOf(artifact, store),
        })),
      ),
    });
  }
  for (const entry of found) await show1(entry, store, options, terminal);
}
