import { readdir } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import type { ArtifactType } from '@sonde/pipeline';
import type { DataName } from './data-name.ts';

/** A folder that lies elsewhere: what it is called, its names, and a way to read a file of it. */
export interface ListedFolder {
  readonly label: string;
  readonly names: readonly string[];
  read(name: string): Promise<Uint8Array>;
}

/**
 * Which files of a folder count where it is taken for one type: sorted relative paths, or a `UserError` that says what
 * is missing. The libraries that read such folders know it.
 */
export interface FolderReader {
  here(folder: string): Promise<readonly string[]>;
  elsewhere(folder: ListedFolder): Promise<readonly string[]>;
}

/** The types of data that are always folders. */
export type FolderType = Extract<ArtifactType, 'model' | 'adapter' | 'scorer'>;
export type FolderReaders = Readonly<Record<FolderType, FolderReader>>;

export function isFolderType(type: ArtifactType): type is FolderType {
  return type === 'model' || type === 'adapter' || type === 'scorer';
}

/** All that is in it. */
const ANYTHING: FolderReader = {
  async here(folder) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1))
      .sort();
  },
  elsewhere: async ({ names }) => [...names].sort(),
};

/** The first of the possible types that a folder is, with the files that count; where it is none, the first complaint. */
export async function readFolder(
  { ref, types }: Pick<DataName, 'ref' | 'types'>,
  readers: FolderReaders,
  read: (reader: FolderReader) => Promise<readonly string[]>,
): Promise<{ readonly type: ArtifactType; readonly names: readonly string[] }> {
  let complaint: UserError | undefined;
  for (const type of types) {
    const reader = isFolderType(type) ? readers[type] : type === 'file' || type === 'tensors' ? ANYTHING : undefined;
    try {
      if (reader !== undefined) return { type, names: await read(reader) };
      complaint ??= new UserError('data', `\`${ref}\` is a folder; expected a file.`, 'Name a file in it.');
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      complaint ??= error;
    }
  }
  throw complaint ?? new Error(`${ref} stands at a place that takes no type.`);
}
