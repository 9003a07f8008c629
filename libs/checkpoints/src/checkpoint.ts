import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { openSafetensors, type SafetensorsFile, type TensorInfo } from '@sonde/tensors';
import { readJson, readJsonIfThere } from './json.ts';
import { listReadyFiles } from './ready-folder.ts';

/** A weight and the file in which it lies. */
export interface Weight {
  readonly file: SafetensorsFile;
  readonly info: TensorInfo;
}

/** The name that a weight has in its file. */
export function weightName({ file, info }: Weight): string {
  for (const [name, other] of file.tensors) if (other === info) return name;
  throw new UserError('model', `${file.path} does not hold the weight looked for in it.`);
}

export interface Checkpoint {
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly weights: ReadonlyMap<string, Weight>;
}

export const SINGLE = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';
export const REQUIRED = ['config.json', 'tokenizer.json'];
export const OPTIONAL = ['chat_template.jinja', 'generation_config.json', 'tokenizer_config.json'];

/** Weights in formats that are not read: pickles, which can run code, and other programs' own. */
const OTHER_WEIGHTS = /\.(bin|pt|pth|ckpt|gguf|h5|msgpack)$/;

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Whether a folder has weights in safetensors. */
export async function hasWeights(folder: string): Promise<boolean> {
  return (await isFile(join(folder, SINGLE))) || (await isFile(join(folder, INDEX)));
}

/** The weight files of a checkpoint: one, or the shards that the index names. */
async function weightFiles(folder: string): Promise<{ index: Record<string, string> | null; files: string[] }> {
  if (await isFile(join(folder, SINGLE))) return { index: null, files: [SINGLE] };
  const index = await readJsonIfThere(join(folder, INDEX));
  if (!index) {
    const other = (await readdir(folder)).find((name) => OTHER_WEIGHTS.test(name));
    const advice = other === undefined ? '' : ` ${other} is not read; use the repository's safetensors, or convert it.`;
    throw new UserError(
      'model',
      `${folder} has no weights: neither ${SINGLE} nor ${INDEX} is there, nor a ready graph model.onnx.${advice}`,
    );
  }
  const { named, files } = shardsOf(index, join(folder, INDEX));
  for (const file of files) {
    if (!(await isFile(join(folder, file)))) {
      throw new UserError('model', `${folder} is incomplete: its index names ${file}, which is not there.`);
    }
  }
  return { index: named, files };
}

/** What an index (`where`) says: the file of each tensor, and all files, sorted. @throws UserError */
export function shardsOf(index: unknown, where: string): { named: Record<string, string>; files: string[] } {
  const map = isRecord(index) ? index.weight_map : undefined;
  if (!isRecord(map)) throw new UserError('model', `${where} has no weight_map.`);
  const named: Record<string, string> = {};
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !/^[\w.-]+$/.test(file)) {
      throw new UserError('model', `${where}: the file of "${tensor}" is not a plain file name.`);
    }
    named[tensor] = file;
  }
  return { named, files: [...new Set(Object.values(named))].sort() };
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (!found) throw new UserError('model', `There is no model folder ${folder}.`);
  if (!found.isDirectory())
    throw new UserError('model', `${folder} is not a folder; a model is a folder with config.json.`);
  const readable = await access(folder, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!readable) throw new UserError('model', `${folder} cannot be read: permission is denied.`);
}

/**
 * The files of a model folder that loading it reads, as sorted names relative to the folder: what a model's
 * identity is taken over.
 * @throws UserError if config.json, tokenizer.json or weights are missing
 */
export async function listModelFiles(folder: string): Promise<string[]> {
  await requireFolder(folder);
  const ready = (await hasWeights(folder)) ? null : await listReadyFiles(folder);
  if (ready) return ready;
  for (const name of REQUIRED) {
    if (!(await isFile(join(folder, name)))) throw new UserError('model', `${folder} has no file ${name}.`);
  }
  const { index, files } = await weightFiles(folder);
  const optional: string[] = [];
  for (const name of OPTIONAL) if (await isFile(join(folder, name))) optional.push(name);
  return [...REQUIRED, ...optional, ...files, ...(index ? [INDEX] : [])].sort();
}

/** Reads a checkpoint's configuration and the headers of its weights. @throws UserError, UserError */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  await requireFolder(folder);
  const config = await readJson(join(folder, 'config.json'), `The configuration of ${folder}`);
  const generationConfig = (await readJsonIfThere(join(folder, 'generation_config.json'))) ?? {};
  const { index, files } = await weightFiles(folder);
  const opened = new Map<string, SafetensorsFile>();
  for (const name of files) opened.set(name, await openSafetensors(join(folder, name)));
  const weights = new Map<string, Weight>();
  for (const [name, file] of opened) {
    for (const [tensor, info] of file.tensors) {
      if (!index || index[tensor] === name) weights.set(tensor, { file, info });
    }
  }
  for (const [tensor, name] of Object.entries(index ?? {})) {
    if (!weights.has(tensor))
      throw new UserError('model', `${folder}: the index places "${tensor}" in ${name}, which lacks it.`);
  }
  return { folder, config, generationConfig, weights };
}
