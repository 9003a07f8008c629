import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { openSafetensors, readTensor } from '@sonde/tensors';
import { ATTRIBUTES, type Attribute } from './attributes.ts';

export const FORMAT = 'sonde-hashed-scorer';
const FORMAT_VERSION = 1;

/** Tokens that the network sees at once. */
export const WINDOW = 3;

/** The tensors of a local scorer, by file. Sizes: V and L buckets, d and h units, k attributes, w = WINDOW. */
const TENSORS = {
  'token-embeddings.safetensors': { 'token.embedding': ['I8', 'Vt', 'd'], 'token.embedding.scale': ['F32', 'd'] },
  'ngram-embeddings.safetensors': { 'ngram.embedding': ['I8', 'Vn', 'd'], 'ngram.embedding.scale': ['F32', 'd'] },
  'token-weights.safetensors': { 'token.weight': ['I8', 'Lt', 'k'], 'token.weight.scale': ['F32', 'k'] },
  'ngram-weights.safetensors': { 'ngram.weight': ['I8', 'Ln', 'k'], 'ngram.weight.scale': ['F32', 'k'] },
  'network.safetensors': {
    'capitals.embedding': ['F32', 'd'],
    'window.weight': ['F32', 'w', 'd', 'h'],
    'window.bias': ['F32', 'h'],
    'output.weight': ['F32', '2h', 'k'],
    'output.bias': ['F32', 'k'],
  },
} as const;

const CONFIG = 'config.json';

export interface LocalModel {
  readonly digest: string;
  readonly attributes: readonly Attribute[];
  /** Longer texts, in UTF-16 units, are `too_long`. */
  readonly maxUnits: number;
  /** Added to the number of tokens where hidden units are averaged. */
  readonly meanOffset: number;
  readonly sizes: ModelSizes;
  /** Int8Array or Float32Array, by the tensors' names. */
  readonly int8: (name: string) => Int8Array;
  readonly float32: (name: string) => Float32Array;
}

/** `Vt`, `Vn`, `Lt` and `Ln` are powers of two. */
export type ModelSizes = Readonly<Record<'Vt' | 'Vn' | 'Lt' | 'Ln' | 'd' | 'h' | 'k' | 'w', number>>;

/** Names of the files that make a local scorer, in a fixed order: their contents are all that its scores depend on. */
export function localScorerFiles(): string[] {
  return [CONFIG, ...Object.keys(TENSORS)];
}

interface Config {
  readonly attributes: readonly Attribute[];
  readonly max_units: number;
  readonly mean_offset: number;
}

function parseConfig(bytes: Uint8Array, path: string): Config {
  const fail = (found: string) =>
    new UserError(
      'scorer',
      `${path}: ${found}; a scorer of the format ${FORMAT}, version ${FORMAT_VERSION}, was expected.`,
    );
  let config: Partial<Record<string, unknown>>;
  try {
    config = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Record<string, unknown>>;
  } catch {
    throw fail('not JSON');
  }
  if (typeof config !== 'object' || config === null) throw fail('not a JSON object');
  if (config.format !== FORMAT) throw fail(`the format is ${JSON.stringify(config.format)}`);
  if (config.version !== FORMAT_VERSION) throw fail(`the version is ${JSON.stringify(config.version)}`);
  const { attributes, max_units: maxUnits, mean_offset: meanOffset } = config;
  const known: readonly unknown[] = ATTRIBUTES;
  if (!Array.isArray(attributes) || attributes.length === 0 || !attributes.every((name) => known.includes(name))) {
    throw fail(`"attributes" is ${JSON.stringify(attributes)}, not a list of ${ATTRIBUTES.join(', ')}`);
  }
  if (typeof maxUnits !== 'number' || !Number.isInteger(maxUnits) || maxUnits < 1)
    throw fail('"max_units" is no count');
  if (typeof meanOffset !== 'number' || !(meanOffset >= 0)) throw fail('"mean_offset" is no number from 0');
  return { attributes: attributes as Attribute[], max_units: maxUnits, mean_offset: meanOffset };
}

async function readPart(folder: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, name));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const found = missing ? 'there is no such file' : (error as Error).message;
    throw new UserError(
      'scorer',
      `${join(folder, name)}: ${found}; a local scorer is a folder with ${localScorerFiles().join(', ')}.`,
    );
  }
}

/**
 * Reads and checks all files of a local scorer.
 * @throws UserError that names the file and what is wrong with it
 */
export async function readLocalModel(folder: string): Promise<LocalModel> {
  const hash = createHash('sha256');
  const parts = new Map<string, Uint8Array>();
  for (const name of localScorerFiles()) {
    const bytes = await readPart(folder, name);
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
    parts.set(name, bytes);
  }
  const config = parseConfig(parts.get(CONFIG)!, join(folder, CONFIG));
  const sizes: Partial<Record<string, number>> = { k: config.attributes.length, w: WINDOW };
  const tensors = new Map<string, unknown>();
  for (const [file, expected] of Object.entries(TENSORS)) {
    const path = join(folder, file);
    try {
      const opened = await openSafetensors(path);
      for (const [name, [dtype, ...dims]] of Object.entries(expected)) {
        const tensor = await readTensor(opened, name);
        checkShape(`${path}: tensor "${name}"`, tensor, dtype, dims, sizes);
        tensors.set(name, tensor.data);
      }
    } catch (error) {
      if (error instanceof UserError) {
        throw new UserError('scorer', `${error.message} The scorer's file is damaged: restore or make it again.`);
      }
      throw error;
    }
  }
  return {
    digest: `sha256:${hash.digest('hex')}`,
    attributes: config.attributes,
    maxUnits: config.max_units,
    meanOffset: config.mean_offset,
    sizes: sizes as ModelSizes,
    int8: (name) => tensors.get(name) as Int8Array,
    float32: (name) => tensors.get(name) as Float32Array,
  };
}

/** Checks dtype and shape; a size's letter must mean the same number everywhere, and a bucket count a power of two. */
function checkShape(
  where: string,
  found: { readonly dtype: string; readonly shape: readonly number[] },
  dtype: string,
  dims: readonly string[],
  sizes: Partial<Record<string, number>>,
): void {
  const fits =
    found.dtype === dtype &&
    found.shape.length === dims.length &&
    dims.every((dim, i) => {
      const size = found.shape[i]!;
      if (dim === '2h') return size === 2 * (sizes.h ?? -1);
      sizes[dim] ??= size;
      const isBuckets = dim.length === 2;
      return sizes[dim] === size && size > 0 && (!isBuckets || (size & (size - 1)) === 0);
    });
  if (fits) return;
  const known = dims.map((dim) => (dim === '2h' ? 2 * (sizes.h ?? 0) : (sizes[dim] ?? dim)));
  throw new UserError(
    'scorer',
    `${where} is ${found.dtype} [${found.shape.join(', ')}] where ${dtype} [${known.join(', ')}] was expected.`,
  );
}
