import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemFailure } from '@sonde/base';
import { MAX_PROBLEMS, type Problems } from '../diagnostics/problems.ts';
import type { StepKinds } from '../step-kind.ts';
import type { Range, Source } from '../values/located.ts';
import { type PipelineFile, readPipelineFile } from './document.ts';
import { MAX_BYTES, MAX_MEBIBYTES } from './yaml.ts';

/** A pipeline file with those that its steps use. */
export interface LoadedFile {
  readonly path: string;
  readonly sha256: string;
  /** Undefined where its form is wrong. */
  readonly file: PipelineFile | undefined;
  /** Step id → the file it uses. */
  readonly uses: ReadonlyMap<string, LoadedFile>;
}

const MAX_FILES_DEEP = 32;

/** Reads a text file as a source. Undefined, with the problem reported at `blame`, where it cannot be read. */
export async function readSource(
  path: string,
  what: string,
  blame: Range | undefined,
  problems: Problems,
): Promise<Source | undefined> {
  const empty: Source = { path, text: '', folder: dirname(path) };
  let bytes: Uint8Array;
  try {
    const found = await stat(path);
    if (!found.isFile() && !found.isDirectory()) {
      problems.error('SND100', blame, `the ${what} ${path} is not a file`);
      return undefined;
    }
    if (found.size > MAX_BYTES) {
      problems.error('SND102', blame, `the ${what} ${path} is larger than ${MAX_MEBIBYTES} MiB`);
      return undefined;
    }
    bytes = await readFile(path);
  } catch (error) {
    const failure = systemFailure(error);
    if (failure?.kind !== 'path' && failure?.kind !== 'permission') throw error;
    problems.error('SND100', blame, `the ${what} ${path} cannot be read: ${failure.meaning}`);
    return undefined;
  }
  try {
    return { ...empty, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    const text = new TextDecoder().decode(bytes);
    const at = Math.max(0, text.indexOf('\ufffd'));
    problems.error(
      'SND103',
      { file: { ...empty, text }, start: at, end: at + 1 },
      'the file is not UTF-8 text',
      'save it as UTF-8',
    );
    return undefined;
  }
}

/** Reads a pipeline file, given its text, and every file that it uses. */
export async function loadFiles(source: Source, kinds: StepKinds, problems: Problems): Promise<LoadedFile> {
  const known = new Map<string, LoadedFile>();
  const load = async (
    from: Source,
    identity: string,
    above: readonly { identity: string; path: string }[],
  ): Promise<LoadedFile> => {
    const file = readPipelineFile(from, kinds, problems);
    if (above.length > 0 && file !== undefined && file.modules.length > 0) {
      const entry = file.source;
      problems.error(
        'SND104',
        { file: entry, start: 0, end: 0 },
        `${entry.path} names modules, and is used by another file`,
        'name them in the file that is run',
      );
    }
    const uses = new Map<string, LoadedFile>();
    const chain = [...above, { identity, path: from.path }];
    for (const step of file?.steps.values() ?? []) {
      if (step.uses?.type !== 'file') continue;
      if (problems.errorCount() >= MAX_PROBLEMS) break;
      const path = resolve(from.folder, step.uses.path);
      const same = await realpath(path).catch(() => path);
      const cycleStart = chain.findIndex((entry) => entry.identity === same);
      if (cycleStart !== -1) {
        const names = [...chain.slice(cycleStart).map((entry) => entry.path), path].map((name) =>
          name.split(/[\\/]/).at(-1),
        );
        problems.error('SND144', step.uses.range, `pipeline files use each other: ${names.join(' → ')}`);
        continue;
      }
      if (chain.length >= MAX_FILES_DEEP) {
        problems.error('SND102', step.uses.range, `pipeline files are nested deeper than ${MAX_FILES_DEEP}`);
        continue;
      }
      let used = known.get(same);
      if (used === undefined) {
        const next = await readSource(path, 'pipeline file', step.uses.range, problems);
        if (next === undefined) continue;
        used = await load(next, same, chain);
        known.set(same, used);
      }
      uses.set(step.id, used);
    }
    return { path: from.path, sha256: createHash('sha256').update(from.text).digest('hex'), file, uses };
  };
  return load(source, await realpath(source.path).catch(() => source.path), []);
}

/** The file itself first, then those it uses, each once. */
export function allFiles(loaded: LoadedFile): readonly LoadedFile[] {
  const found = new Set<LoadedFile>();
  const visit = (one: LoadedFile): void => {
    if (found.has(one)) return;
    found.add(one);
    for (const used of one.uses.values()) visit(used);
  };
  visit(loaded);
  return [...found];
}
