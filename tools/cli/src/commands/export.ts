import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import type { Store, StoredArtifact } from '@sonde/store';
import { readTable, type Table, writeCsv, writeJsonl, writeParquet } from '@sonde/tables';
import { encodeNpy, openSafetensors, readTensor } from '@sonde/tensors';

/** The name of the one file of this kind in an artifact of several; undefined where it is a single file. */
export function memberOf(artifact: StoredArtifact, ending: '.safetensors' | '.parquet'): string | undefined {
  return Object.keys(artifact.files ?? {}).find((name) => name.endsWith(ending));
}

const TABLE_WRITERS: Readonly<Record<string, (file: string, table: Table) => Promise<void>>> = {
  '.parquet': async (file, table) => void (await writeParquet(file, table)),
  '.csv': writeCsv,
  '.jsonl': writeJsonl,
};

const WHOLE: Readonly<Record<string, string>> = { table: '.parquet', json: '.json', html: '.html' };

/** Whether it is copied as it is, whatever the ending: its bytes are of no format that Sonde knows. */
function isOpaque({ type }: StoredArtifact): boolean {
  return formatsOfType(type) === undefined;
}

function formatsOfType(type: string): string | undefined {
  return type === 'tensors' ? '.safetensors' : WHOLE[type];
}

/** The one tensor to export: the named one, or the only one. */
function chooseTensor(names: readonly string[], wanted: string | undefined): string {
  const known = `Its tensors: ${names.join(', ')}.`;
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new UserError('usage', `there is no tensor "${wanted}"`, known);
  }
  if (names.length > 1)
    throw new UserError(
      'usage',
      `a .npy file holds one tensor, and here are ${names.length}`,
      `Name one with --tensor NAME, or export .safetensors. ${known}`,
    );
  if (names[0] === undefined) throw new UserError('usage', 'this artifact holds no tensor');
  return names[0];
}

/**
 * Writes one output to `target`, in the format that its ending names. Tensors whose rows have an index are written as
 * `.npy` with the index beside them; `.csv`, `.jsonl` or `.parquet` writes the index alone. Gives the files written.
 */
export async function exportArtifact(
  target: string,
  artifact: StoredArtifact,
  store: Store,
  tensor: string | undefined,
): Promise<readonly string[]> {
  if (isOpaque(artifact)) {
    if (tensor !== undefined) throw new UserError('usage', '--tensor goes with --out FILE.npy');
    await store.artifacts.export(artifact, target);
    return [target];
  }
  const extension = path.extname(target).toLowerCase();
  const write = formatsOf(artifact)[extension];
  if (write === undefined) {
    const possible = Object.keys(formatsOf(artifact));
    throw new UserError(
      'usage',
      `an artifact of type ${artifact.type} cannot be written as "${extension}"`,
      `Possible: ${possible.join(', ')}.`,
    );
  }
  if (tensor !== undefined && extension !== '.npy') throw new UserError('usage', '--tensor goes with --out FILE.npy');
  await mkdir(path.dirname(path.resolve(target)), { recursive: true });
  const index = memberOf(artifact, '.parquet');
  return write(target, {
    main: await store.artifacts.openFile(artifact, memberOf(artifact, '.safetensors')),
    index: index === undefined ? undefined : await store.artifacts.openFile(artifact, index),
    tensor,
  });
}

/** What is written from: the artifact's file, of tensors the safetensors file and the table of its rows. */
interface Source {
  readonly main: string;
  readonly index: string | undefined;
  readonly tensor: string | undefined;
}

type Writer = (target: string, source: Source) => Promise<readonly string[]>;

async function copy(target: string, { main }: Source): Promise<readonly string[]> {
  await copyFile(main, target);
  return [target];
}

async function writeNpy(target: string, { main, index, tensor }: Source): Promise<readonly string[]> {
  const opened = await openSafetensors(main);
  await writeFile(target, encodeNpy(await readTensor(opened, chooseTensor([...opened.tensors.keys()], tensor))));
  if (index === undefined) return [target];
  const beside = `${target.slice(0, -'.npy'.length)}.index.csv`;
  await writeCsv(beside, await readTable(index));
  return [target, beside];
}

/** Writers of the table that is an artifact, or goes with its tensors. */
function tableWriters(which: 'main' | 'index'): Readonly<Record<string, Writer>> {
  const writers = Object.entries(TABLE_WRITERS).map(([extension, write]): readonly [string, Writer] => [
    extension,
    async (target, source) => {
      await write(target, await readTable(source[which]!));
      return [target];
    },
  ]);
  return Object.fromEntries(writers);
}

function formatsOf(artifact: StoredArtifact): Readonly<Record<string, Writer>> {
  if (artifact.type === 'table') return { ...tableWriters('main'), '.parquet': copy };
  if (artifact.type === 'tensors') {
    const hasIndex = memberOf(artifact, '.parquet') !== undefined;
    return { '.safetensors': copy, '.npy': writeNpy, ...(hasIndex ? tableWriters('index') : {}) };
  }
  const extension = WHOLE[artifact.type];
  return extension === undefined ? {} : { [extension]: copy };
}
