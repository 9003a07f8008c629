import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import {
  type Diagnostic,
  type Graph,
  type LoadOptions,
  type LoadResult,
  loadPipeline,
  loadPipelineText,
  renderDiagnostic,
  type TaskNode,
} from '../src/index.ts';
import { kinds } from './kinds.ts';

export const CWD = '/work-folder';

type Options = Partial<Omit<LoadOptions, 'kinds'>>;

/** Loads `steps:` (and what stands before it) with the header that every file has. */
export function load(body: string, options: Options = {}): Promise<LoadResult> {
  return loadPipelineText(`sonde: 1\nname: t\n${body}`, 'pipe/t.yaml', { kinds, cwd: CWD, ...options });
}

export function graphOf(result: LoadResult): Graph {
  if (result.ok) return result.graph;
  throw new Error(result.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic)).join('\n'));
}

export async function graph(body: string, options: Options = {}): Promise<Graph> {
  return graphOf(await load(body, options));
}

export async function problems(body: string, options: Options = {}): Promise<readonly Diagnostic[]> {
  const result = await load(body, options);
  if (result.ok) throw new Error('expected problems, found none');
  return result.diagnostics;
}

/** `SND104 "cuont"`: each problem's code and the text that it points at. */
export function blamed(diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics.map(({ code, range }) =>
    `${code} ${range === undefined ? '' : range.file.text.slice(range.start, range.end)}`.trim(),
  );
}

export async function rendered(body: string, options: Options = {}): Promise<string> {
  return (await problems(body, options)).map((diagnostic) => renderDiagnostic(diagnostic, { cwd: CWD })).join('\n');
}

export function task(found: Graph, id: string): TaskNode {
  const node = found.tasks.find((one) => one.id === id);
  if (node === undefined) throw new Error(`no task ${id} among ${found.tasks.map((one) => one.id).join(' ')}`);
  return node;
}

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A folder of its own with these files, until the file's tests are over. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-pipeline-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

export function loadFile(folder: string, name: string, options: Options = {}): Promise<LoadResult> {
  return loadPipeline(join(folder, name), { kinds, cwd: folder, ...options });
}
