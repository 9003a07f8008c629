import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import type { Store, StoredArtifact } from '@sonde/store';
import { readTable, type Table, writeCsv, writeJsonl, writeParquet } from '@sonde/tables';
import { encodeNpy, openSafetensors, readTensor } from '@sonde/tensors';

/** Where the safetensors file of an artifact of tensors lies, materialized at `file`. */
export const tensorsFile = (artifact: StoredArtifact, file: string): string =>
  memberOf(artifact, file, '.safetensors') ?? file;

/** Where the table that says what each row of the tensors is lies, if they have one. */
const indexFile = (artifact: StoredArtifact, file: string): string | undefined => memberOf(artifact, file, '.parquet');

const memberOf = (artifact: StoredArtifact, folder: string, ending: string): string | undefined => {
  const name = Object.keys(artifact.files ?? {}).find((entry) => entry.endsWith(ending));
  return name === undefined ? undefined : path.join(folder, name);
};

const TABLE_WRITERS: Readonly<Record<string, (file: string, table: Table) => Promise<void>>> = {
  '.parquet': async (file, table) => void (await writeParquet(file, table)),
  '.csv': writeCsv,
  '.jsonl': writeJsonl,
};

const WHOLE: Readonly<Record<string, string>> = { table: '.parquet', json: '.json', html: '.html' };

/** Whether it is copied as it is, whatever the ending: its bytes are of no format that Sonde knows. */
const isOpaque = ({ type }: StoredArtifact): boolean => formatsOfType(type) === undefined;

const formatsOfType = (type: string): string | undefined => (type === 'tensors' ? '.safetensors' : WHOLE[type]);

/** The one tensor to export: the named one, or the only one. */
const chooseTensor = (names: readonly string[], wanted: string | undefined): string => {
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
};

/**
 * Writes one output to `target`, in the format that its ending names. Tensors whose rows have an index are written as
 * `.npy` with the index beside them; `.csv`, `.jsonl` or `.parquet` writes the index alone. Gives the files written.
 */
export const exportArtifact = async (
  target: string,
  artifact: StoredArtifact,
  store: Store,
  tensor: string | undefined,
): Promise<readonly string[]> => {
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
  return write(target, await store.artifacts.open(artifact), tensor);
};

type Writer = (target: string, file: string, tensor: string | undefined) => Promise<readonly string[]>;

const formatsOf = (artifact: StoredArtifact): Readonly<Record<string, Writer>> => {
  const hasIndex = indexFile(artifact, '') !== undefined;
  const tables = (tableFile: (file: string) => string): Record<string, Writer> =>
    Object.fromEntries(
      Object.entries(TABLE_WRITERS).map(([extension, write]) => [
        extension,
        async (target, file) => {
          await write(target, await readTable(tableFile(file)));
          return [target];
        },
      ]),
    );
  const copy: Writer = async (target, file) => {
    await copyFile(artifact.type === 'tensors' ? tensorsFile(artifact, file) : file, target);
    return [target];
  };
  switch (artifact.type) {
    case 'table':
      return { ...tables((file) => file), '.parquet': copy };
    case 'tensors': {
      const npy: Writer = async (target, file, tensor) => {
        const opened = await openSafetensors(tensorsFile(artifact, file));
        await writeFile(target, encodeNpy(await readTensor(opened, chooseTensor([...opened.tensors.keys()], tensor))));
        const index = indexFile(artifact, file);
        if (index === undefined) return [target];
        const beside = `${target.slice(0, -'.npy'.length)}.index.csv`;
        await writeCsv(beside, await readTable(index));
        return [target, beside];
      };
      return { '.safetensors': copy, '.npy': npy, ...(hasIndex ? tables((file) => indexFile(artifact, file)!) : {}) };
    }
    default: {
      const extension = WHOLE[artifact.type];
      return extension === undefined ? {} : { [extension]: copy };
    }
  }
};
