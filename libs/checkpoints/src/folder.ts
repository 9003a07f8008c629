import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { parseJson } from './json.ts';

/** A model's folder, on this machine or elsewhere. */
export interface Folder {
  /** What messages call it. */
  readonly label: string;
  /** Where it lies on this machine; null if it does not. */
  readonly path: string | null;
  /** Its files, and those of its folder `onnx`, relative to it. */
  readonly names: readonly string[];
  has(name: string): boolean;
  read(name: string): Promise<Uint8Array>;
  /** What messages call one of its files. */
  where(name: string): string;
}

/** A folder of this machine. */
export type LocalFolder = Folder & { readonly path: string };

/** The folder in which some exporters put their graphs. */
export const SUBFOLDER = 'onnx';

/** A folder that lies elsewhere, of which a listing is known. */
export function remoteFolder(listing: Pick<Folder, 'label' | 'names' | 'read'>): Folder {
  const { label, names } = listing;
  const there = new Set(names);
  return {
    label,
    path: null,
    names,
    has: (name) => there.has(name),
    read: (name) => listing.read(name),
    where: (name) => `${label}: ${name}`,
  };
}

/** Looks into a folder of this machine. @throws UserError if it cannot be a model's */
export async function localFolder(path: string): Promise<LocalFolder> {
  const found = await stat(path).catch(() => null);
  if (!found) throw new UserError('model', `There is no model folder ${path}.`);
  if (!found.isDirectory()) {
    throw new UserError('model', `${path} is not a folder; a model is a folder with config.json.`);
  }
  const readable = await access(path, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!readable) throw new UserError('model', `${path} cannot be read: permission is denied.`);
  const inner = (await filesIn(join(path, SUBFOLDER))).map((name) => `${SUBFOLDER}/${name}`);
  const names = [...(await filesIn(path)), ...inner];
  const there = new Set(names);
  return {
    label: path,
    path,
    names,
    has: (name) => there.has(name),
    read: (name) => readFile(join(path, name)),
    where: (name) => join(path, name),
  };
}

/** The files of a folder, links to files among them, sorted; none if there is no such folder. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path).catch((): string[] => []);
  const isFile = async (name: string): Promise<boolean> =>
    stat(join(path, name)).then(
      (found) => found.isFile(),
      () => false,
    );
  const kept = await Promise.all(entries.map(isFile));
  return entries.filter((_, i) => kept[i]).sort();
}

/** A JSON object in a folder; null where the file is not there. @throws UserError if it is not such */
export async function readJsonIn(folder: Folder, name: string): Promise<Record<string, unknown> | null> {
  if (!folder.has(name)) return null;
  return parseJson(folder.where(name), Buffer.from(await folder.read(name)).toString('utf8'));
}

const SHOWN = 12;

/** What lies at the top of a folder, in a sentence. */
export function listed({ names }: Folder): string {
  const top = names.filter((name) => !name.includes('/'));
  if (top.length === 0) return 'There is nothing in it.';
  return `There are: ${top.slice(0, SHOWN).join(', ')}${top.length > SHOWN ? `, … (${top.length})` : ''}.`;
}

/** @throws UserError if a file is missing, saying what is there */
export function requireFile(folder: Folder, name: string): void {
  if (!folder.has(name)) throw new UserError('model', `${folder.label} has no ${name}. ${listed(folder)}`);
}
