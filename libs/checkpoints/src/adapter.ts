import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { elementCount, openSafetensors } from '@sonde/tensors';
import { isExcluded, patternFor, refuseVariants } from './adapter-config.ts';
import type { Checkpoint, Weight } from './checkpoint.ts';
import { equalWeights } from './equal-weights.ts';
import { type Folder, listed, localFolder, readJsonIn } from './folder.ts';

/** The low-rank path of one linear layer: x ↦ scale · (x Aᵀ) Bᵀ, with A [r, in] and B [out, r]. */
export interface LowRank {
  readonly a: Weight;
  readonly b: Weight;
  readonly rank: number;
  readonly scale: number;
}

/** A PEFT LoRA adapter, by the name of the linear layer that it adds to. */
export interface Adapter {
  readonly folder: string;
  readonly modules: ReadonlyMap<string, LowRank>;
}

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const FILES = [CONFIG, WEIGHTS];

/** The files of an adapter folder that loading it reads, sorted. @throws UserError if one is missing */
export function listAdapterFiles(folder: Folder): string[] {
  const missing = FILES.find((name) => !folder.has(name));
  if (missing === undefined) return [...FILES];
  throw new UserError('model', `${folder.label} is not a LoRA adapter: it has no ${missing}. ${listed(folder)}`);
}

/** How many numbers the low-rank weights of an adapter's folder have, by the header of its file. */
export async function adapterNumbers(folder: string): Promise<number> {
  const { tensors } = await openSafetensors(join(folder, WEIGHTS));
  const low = [...tensors].filter(([name]) => /\.lora_[AB]\./.test(name));
  return low.reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);
}

/**
 * Opens a PEFT LoRA folder.
 * @param base the weights of the model that it is for
 * @throws UserError if it is of a kind not supported or incomplete, or holds what is not applied
 */
export async function openAdapter(folder: string, base: Pick<Checkpoint, 'weights'>): Promise<Adapter> {
  const found = await localFolder(folder);
  listAdapterFiles(found);
  const path = found.where(CONFIG);
  const config = (await readJsonIn(found, CONFIG)) ?? {};
  refuseVariants(config, path);
  const { r, lora_alpha: alpha, use_rslora: stabilised } = config;
  if (typeof r !== 'number' || typeof alpha !== 'number')
    throw new UserError('model', `${path} needs numbers r and lora_alpha.`);
  const file = await openSafetensors(join(folder, WEIGHTS));
  const halves = new Map<string, { a?: Weight; b?: Weight }>();
  for (const [name, info] of file.tensors) {
    if (await isCopy(name, { file, info }, base)) continue;
    const match = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name);
    if (!match)
      throw new UserError(
        'model',
        `${file.path}: "${name}" is not a LoRA weight of a linear layer, and what it would change is not changed.`,
      );
    const pair = halves.get(match[1]!) ?? {};
    pair[match[2] === 'A' ? 'a' : 'b'] = { file, info };
    halves.set(match[1]!, pair);
  }
  const modules = new Map<string, LowRank>();
  for (const [module, { a, b }] of halves) {
    if (!a || !b) throw new UserError('model', `${file.path}: "${module}" has only one of lora_A and lora_B.`);
    if (isExcluded(config, module, path)) {
      throw new UserError('model', `${path}: exclude_modules names "${module}", of which ${WEIGHTS} has weights.`);
    }
    const rank = patternFor(config.rank_pattern, module, path) ?? r;
    if (a.info.shape[0] !== rank || b.info.shape[1] !== rank) {
      throw new UserError(
        'model',
        `${file.path}: "${module}" has rank ${a.info.shape[0]} and ${b.info.shape[1]}; ${CONFIG} says ${rank}.`,
      );
    }
    const scale =
      (patternFor(config.alpha_pattern, module, path) ?? alpha) / (stabilised === true ? Math.sqrt(rank) : rank);
    modules.set(module, { a, b, rank, scale });
  }
  return { folder, modules };
}

/**
 * Whether a tensor is the model's own weight, which PEFT saves beside the adapter of an output head or embedding.
 * @throws UserError if it is such a weight, but with other numbers
 */
async function isCopy(name: string, copy: Weight, { weights }: Pick<Checkpoint, 'weights'>): Promise<boolean> {
  const own =
    /^base_model\.model\.(.+\.)?(lm_head|embed_out|embed_tokens|wte|embed_in|word_embeddings)\.(?:base_layer\.)?weight$/;
  const [, above = '', module] = own.exec(name) ?? [];
  if (module === undefined) return false;
  const full = `${above}${module}.weight`;
  const found = weights.get(full) ?? weights.get(full.slice(full.indexOf('.') + 1)) ?? tiedTo(module, weights);
  if (found && (await equalWeights(copy, found))) return true;
  throw new UserError(
    'model',
    `${copy.file.path}: "${name}" is a weight of the model itself, but another than the model's; a changed output head or embedding is not applied.`,
  );
}

/** The embedding, for an output head that the model does not store. */
function tiedTo(module: string, weights: Checkpoint['weights']): Weight | undefined {
  if (module !== 'lm_head' && module !== 'embed_out') return undefined;
  return [...weights].find(([name]) => EMBEDDING.test(name))?.[1];
}

/** The name of a table of tokens, in all families. */
export const EMBEDDING = /(^|\.)(embed_tokens|wte|embed_in|word_embeddings)\.weight$/;
