import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@sonde/base';
import type { RunResult } from '@sonde/executor';
import type { Graph } from '@sonde/pipeline';
import { digestOf, type Store, type StoredArtifact, StoreError } from '@sonde/store';
import { beginChange, finishChange } from './change.ts';
import { resultsError } from './check-folder.ts';
import { placeOutputs } from './file-names.ts';
import {
  type EarlierOutput,
  earlierOutputs,
  inTheWay,
  provenanceOf,
  provenanceText,
  readProvenance,
} from './provenance.ts';

export interface WriteOptions {
  /** Remove what earlier runs wrote and this pipeline does not make any more. */
  readonly prune: boolean;
  /** The version of Sonde. */
  readonly sonde: string;
}

export interface WrittenResults {
  /** The paths of what this run's outputs were written to. */
  readonly written: readonly string[];
  /** What an earlier run wrote here and this one did not replace, by the names in the folder. */
  readonly earlier: readonly EarlierOutput[];
}

/**
 * Writes the pipeline's named outputs and `provenance.json` into `folder`, which changes whole or not at all. What an
 * earlier run wrote and this one has no result for stays, and `provenance.json` says of which run each file is. Only
 * with `prune`, for a run that brought about all outputs, what is none of them any more is removed, with the folders
 * that this leaves empty. What no run wrote is never touched.
 */
export async function writeResults(
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
  options: WriteOptions,
): Promise<WrittenResults> {
  const about = { holder: `results of run ${result.run}` };
  const lease = await store.leases.acquire(digestOf(`results ${path.resolve(folder)}`), about);
  try {
    await finishChange(folder);
    return await change(graph, result, store, folder, options);
  } catch (error) {
    throw resultsError(error, folder);
  } finally {
    await lease.release();
  }
}

async function change(
  graph: Graph,
  result: RunResult,
  store: Store,
  folder: string,
  { prune, sonde }: WriteOptions,
): Promise<WrittenResults> {
  const outputs = placeOutputs(graph, result.records);
  const before = await readProvenance(folder);
  const old = (await earlierOutputs(folder, before)).filter(({ file }) => !outputs.some((now) => now.file === file));
  if (outputs.length === 0 && !(prune && old.length > 0)) return { written: [], earlier: old };
  const blocking = inTheWay(old, outputs);
  const removed = prune ? old : blocking;
  const earlier = old.filter((output) => !removed.includes(output));
  const begun = await beginChange(folder);
  try {
    for (const { file, artifact } of outputs) {
      await refuseToReplaceOthers(folder, file, artifact, removed);
      await store.artifacts.export(artifact, begun.place(file));
    }
    const plan = { put: outputs.map(({ file }) => file), remove: removed.map(({ file }) => file) };
    await begun.commit(
      plan,
      provenanceText(provenanceOf(graph, result, { written: outputs, left: earlier, before, sonde })),
    );
  } finally {
    await begun.end();
  }
  return { written: outputs.map(({ file }) => path.join(folder, file)), earlier };
}

/** A folder is replaced whole, so nothing may be in it that no run put there. */
async function refuseToReplaceOthers(
  folder: string,
  file: string,
  artifact: StoredArtifact,
  removed: readonly EarlierOutput[],
): Promise<void> {
  const target = path.join(folder, file);
  const entries = await readdir(target, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const place = path.join(entry.parentPath, entry.name);
    const isOurs =
      Object.hasOwn(artifact.files ?? {}, path.relative(target, place).replaceAll(path.sep, '/')) ||
      removed.some(
        (output) => place === path.join(folder, output.file) || isBelow(path.join(folder, output.file), place),
      );
    if (isOurs) continue;
    throw new StoreError('io', `${target} holds ${path.relative(target, place)}, which would be lost.`, {
      hint: 'Move it away, or name another folder with --out.',
      path: target,
    });
  }
}

function isBelow(outer: string, place: string): boolean {
  return place.startsWith(outer + path.sep);
}
