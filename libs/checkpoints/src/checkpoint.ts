import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { openSafetensors, type SafetensorsFile, type TensorInfo } from '@sonde/tensors';
import { type Folder, type LocalFolder, listed, readJsonIn, requireFile } from './folder.ts';
import type { Packed } from './packed/types.ts';
import { listReadyFiles } from './ready-folder.ts';

/** A weight and the file in which it lies. */
export interface Weight {
  readonly file: SafetensorsFile;
  readonly info: TensorInfo;
  /** How it is read where another program has quantised it; `info` is then what it looks like afterwards. */
  readonly packed?: Packed;
}

/** The name that a weight has in its file. */
export function weightName({ file, info }: Weight): string {
  for (const [name, other] of file.tensors) if (other === info) return name;
  throw new UserError('model', `${file.path} does not hold the weight looked for in it.`);
}

export interface Checkpoint {
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** null where there is no such file. */
  readonly generationConfig: Readonly<Record<string, unknown>> | null;
  readonly weights: ReadonlyMap<string, Weight>;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const REQUIRED = ['config.json', 'tokenizer.json'];
const OPTIONAL = [
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
  'special_tokens_map.json',
  'tokenizer_config.json',
];

/** Weights in formats that are not read: pickles, which can run code, and other programs' own. */
const OTHER_WEIGHTS = /^[^/]+\.(bin|pt|pth|ckpt|gguf|h5|msgpack)$/;

/** Whether a folder has weights in safetensors. */
export function hasWeights(folder: Folder): boolean {
  return folder.has(SINGLE) || folder.has(INDEX);
}

/** The weight files of a checkpoint: one, or the shards that the index names. */
async function weightFiles(folder: Folder): Promise<{ index: Record<string, string> | null; files: string[] }> {
  if (folder.has(SINGLE)) return { index: null, files: [SINGLE] };
  const index = await readJsonIn(folder, INDEX);
  if (!index) {
    const other = folder.names.find((name) => OTHER_WEIGHTS.test(name));
    const advice = other === undefined ? '' : ` ${other} is not read; use the repository's safetensors, or convert it.`;
    throw new UserError(
      'model',
      `${folder.label} has neither safetensors weights nor a graph model.onnx. ${listed(folder)}${advice}`,
    );
  }
  const { named, files } = shardsOf(index, folder.where(INDEX));
  const missing = files.find((file) => !folder.has(file));
  if (missing !== undefined) {
    throw new UserError('model', `${folder.label} is incomplete: its index names ${missing}, which is not there.`);
  }
  return { index: named, files };
}

/** What an index (`where`) says: the file of each tensor, and all files, sorted. @throws UserError */
function shardsOf(index: unknown, where: string): { named: Record<string, string>; files: string[] } {
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

/**
 * The files of a model folder that loading it reads, sorted: what has to be fetched, and what a model's identity is taken
 * over.
 * @throws UserError if config.json, tokenizer.json or weights (safetensors, or a ready graph) are missing
 */
export async function listModelFiles(folder: Folder): Promise<string[]> {
  const ready = hasWeights(folder) ? null : await listReadyFiles(folder);
  if (ready) return ready;
  for (const name of REQUIRED) requireFile(folder, name);
  const { index, files } = await weightFiles(folder);
  const optional = OPTIONAL.filter((name) => folder.has(name));
  return [...REQUIRED, ...optional, ...files, ...(index ? [INDEX] : [])].sort();
}

/** Reads a checkpoint's configuration and the headers of its weights. @throws UserError */
export async function openCheckpoint(folder: LocalFolder): Promise<Checkpoint> {
  requireFile(folder, 'config.json');
  const config = (await readJsonIn(folder, 'config.json')) ?? {};
  const generationConfig = await readJsonIn(folder, 'generation_config.json');
  const { index, files } = await weightFiles(folder);
  const opened = new Map<string, SafetensorsFile>();
  for (const name of files) opened.set(name, await openSafetensors(join(folder.path, name)));
  const weights = new Map<string, Weight>();
  for (const [name, file] of opened) {
    for (const [tensor, info] of file.tensors) {
      if (!index || index[tensor] === name) weights.set(tensor, { file, info });
    }
  }
  for (const [tensor, name] of Object.entries(index ?? {})) {
    if (!weights.has(tensor))
      throw new UserError('model', `${folder.path}: the index places "${tensor}" in ${name}, which lacks it.`);
  }
  return { folder: folder.path, config, generationConfig, weights };
}
