import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { openSafetensors } from '@sonde/tensors';
import type { Weight } from './checkpoint.ts';
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

function refuseVariants(config: Record<string, unknown>, path: string): void {
  if (config.peft_type !== 'LORA')
    throw new UserError('model', `${path}: peft_type is ${config.peft_type}; only LORA is supported.`);
  // fan_in_fan_out says how the adapted weight is stored, which only merging asks; the low-rank weights are as ever.
  for (const flag of ['use_dora', 'lora_bias', 'use_qalora', 'use_bdlora']) {
    if (config[flag] === true) throw new UserError('model', `${path}: ${flag} is not supported.`);
  }
  if (config.bias !== undefined && config.bias !== 'none') {
    throw new UserError('model', `${path}: bias "${config.bias}" is not supported; only "none" is.`);
  }
  for (const list of ['modules_to_save', 'layer_replication', 'target_parameters', 'trainable_token_indices']) {
    const value = config[list];
    if (Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined) {
      throw new UserError('model', `${path}: ${list} is not supported.`);
    }
  }
}

function expression(pattern: string, where: string): RegExp {
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`);
  } catch {
    throw new UserError('model', `${where}: the pattern "${pattern}" is not a regular expression.`);
  }
}

/** PEFT's rule for rank_pattern and alpha_pattern: the first key that matches the end of the module's name. */
function patternFor(patterns: unknown, module: string, where: string): number | undefined {
  if (!isRecord(patterns)) return undefined;
  const key = Object.keys(patterns).find((pattern) => expression(pattern, where).test(module));
  const value = key === undefined ? undefined : patterns[key];
  return typeof value === 'number' ? value : undefined;
}

/** Opens a PEFT LoRA folder. @throws UserError if it is of a kind not supported or incomplete */
export async function openAdapter(folder: string): Promise<Adapter> {
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
    const match = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name);
    if (!match) throw new UserError('model', `${file.path}: "${name}" is not a LoRA weight of a linear layer.`);
    const pair = halves.get(match[1]!) ?? {};
    pair[match[2] === 'A' ? 'a' : 'b'] = { file, info };
    halves.set(match[1]!, pair);
  }
  const modules = new Map<string, LowRank>();
  for (const [module, { a, b }] of halves) {
    if (!a || !b) throw new UserError('model', `${file.path}: "${module}" has only one of lora_A and lora_B.`);
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
