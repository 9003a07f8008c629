import { UserError } from '@sonde/base';
import { ADAPTER_FILES } from './adapter.ts';
import { INDEX, OPTIONAL, REQUIRED, SINGLE, shardsOf } from './checkpoint.ts';
import { parseJson } from './json.ts';
import { chooseReadyFiles } from './ready-folder.ts';

/** A folder that lies elsewhere: what it is called, its names, and a way to read a file of it. */
export interface RemoteFolder {
  readonly label: string;
  readonly names: readonly string[];
  read(name: string): Promise<Uint8Array>;
}

const SHOWN = 12;

const listed = (names: readonly string[]): string => {
  const top = names.filter((name) => !name.includes('/'));
  if (top.length === 0) return 'There is nothing in it.';
  return `There are: ${top.slice(0, SHOWN).join(', ')}${top.length > SHOWN ? `, … (${top.length})` : ''}.`;
};

/**
 * Of a folder elsewhere, the files that `listModelFiles` would list if all of it were here: what has to be fetched.
 * @throws UserError if config.json, tokenizer.json or weights (safetensors, or a ready graph) are missing: it says what is there
 */
export async function chooseModelFiles(folder: RemoteFolder): Promise<string[]> {
  const { label, names, read } = folder;
  const there = new Set(names);
  const hasWeights = there.has(SINGLE) || there.has(INDEX);
  const ready = hasWeights ? null : await chooseReadyFiles(folder);
  if (ready) return ready;
  for (const name of REQUIRED) {
    if (!there.has(name)) throw new UserError('model', `${label} has no ${name}. ${listed(names)}`);
  }
  if (!hasWeights) {
    throw new UserError('model', `${label} has neither safetensors weights nor a graph model.onnx. ${listed(names)}`);
  }
  const small = [...REQUIRED, ...OPTIONAL.filter((name) => there.has(name))];
  if (there.has(SINGLE)) return [...small, SINGLE].sort();
  const index = parseJson(`${label}: ${INDEX}`, Buffer.from(await read(INDEX)).toString('utf8'));
  const { files } = shardsOf(index, `${label}: ${INDEX}`);
  for (const file of files) {
    if (!there.has(file))
      throw new UserError('model', `${label} is incomplete: its index names ${file}, which is not there.`);
  }
  return [...small, ...files, INDEX].sort();
}

/** The same for a PEFT LoRA adapter. @throws UserError */
export function chooseAdapterFiles({ label, names }: RemoteFolder): string[] {
  for (const name of ADAPTER_FILES) {
    if (!names.includes(name))
      throw new UserError('model', `${label} is not a LoRA adapter: it has no ${name}. ${listed(names)}`);
  }
  return [...ADAPTER_FILES];
}
