import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { RunResult } from '@sonde/executor';
import type { Graph } from '@sonde/pipeline';
import type { Store } from '@sonde/store';
import { resultsError } from './check-folder.ts';
import { placeOutputs } from './file-names.ts';
import {
  type EarlierOutput,
  earlierOutputs,
  inTheWay,
  type Placed,
  provenanceOf,
  readProvenance,
  removeOutputs,
  stillThere,
  writeProvenance,
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
 * Writes the pipeline's named outputs and `provenance.json` into `folder`. What an earlier run wrote and this one has
 * no result for stays, and `provenance.json` says of which run each file is. Only with `prune`, for a run that brought
 * about all outputs, what is none of them any more is removed, with the folders that this leaves empty. What no run
 * wrote is never touched.
 */
export async function writeResults(
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
  const written: Placed[] = [];
  const describe = async (rest: readonly EarlierOutput[]): Promise<void> => {
    const left = await stillThere(folder, rest, written);
    await writeProvenance(folder, provenanceOf(graph, result, { written, left, before, sonde }));
  };
  try {
    await mkdir(folder, { recursive: true });
    await removeOutputs(folder, inTheWay(old, outputs));
    for (const output of outputs) {
      await store.artifacts.export(output.artifact, path.join(folder, output.file));
      written.push(output);
    }
    if (prune) await removeOutputs(folder, old);
    await describe(old);
  } catch (error) {
    // What there is after a failure half-way is described as it is, if the disk still takes that.
    await describe(await earlierOutputs(folder, before)).catch(() => undefined);
    throw resultsError(error, folder);
  }
  const paths = written.map(({ file }) => path.join(folder, file));
  return { written: paths, earlier: await stillThere(folder, old, written) };
}
