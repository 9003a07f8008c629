import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import type { Checkpoint } from '../checkpoint.ts';
import { findAwq } from './awq.ts';
import { findBitsAndBytes } from './bitsandbytes.ts';
import { findCompressed } from './compressed-tensors.ts';
import { findFp8 } from './fp8.ts';
import { findGptq } from './gptq.ts';
import { type Found, REMEDY, type Source } from './parts.ts';
import { matches } from './schemes.ts';

const FORMATS: Readonly<Record<string, (source: Source) => Found | Promise<Found>>> = {
  awq: findAwq,
  bitsandbytes: findBitsAndBytes,
  'compressed-tensors': findCompressed,
  fbgemm_fp8: findFp8,
  fp8: findFp8,
  gptq: findGptq,
};

/** A format that the page of an architecture reads itself. */
const OF_ARCHITECTURES = ['mxfp4'];

/** Parts of packed weights, by the ends of their names in all formats. */
const PART =
  /\.(qweight|qzeros|scales|g_idx|SCB|weight_format|absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\w+|weight_packed|weight_shape|weight_scale(_inv|_2)?|weight_zero_point|weight_g_idx|weight_global_scale|input_global_scale)$/;

/**
 * A checkpoint that another program has quantised, with weights [out, in] in place of what they are packed in, and without
 * its `quantization_config`; any other as it is.
 * @throws UserError naming the format, or what of it is not read
 */
export async function unpack(checkpoint: Checkpoint): Promise<Checkpoint> {
  const { settings, config } = takeSettings(checkpoint.config);
  if (settings === undefined || settings === null) return checkpoint;
  const where = join(checkpoint.folder, 'config.json');
  if (!isRecord(settings)) throw new UserError('model', `${where}: quantization_config is not an object.`);
  const method = methodOf(settings);
  if (OF_ARCHITECTURES.includes(method)) return checkpoint;
  const find = Object.hasOwn(FORMATS, method) ? FORMATS[method]! : null;
  if (!find) {
    throw new UserError(
      'model',
      `${where}: weights quantised with ${method || 'a method that quantization_config does not name'} are not read; read are ${Object.keys(FORMATS).join(', ')}.`,
      REMEDY,
    );
  }
  const source = { where, settings, weights: checkpoint.weights };
  const found = await find(source);
  refuseRemainder(source, found, method);
  refuseIgnored(source, found);
  const kept = [...checkpoint.weights].filter(([name]) => !found.used.has(name));
  return { ...checkpoint, config, weights: new Map([...kept, ...found.weights]) };
}

/** `quantization_config`, or what `text_config` has of it where a checkpoint holds more than text, and the rest. */
function takeSettings(whole: Checkpoint['config']): {
  readonly settings: unknown;
  readonly config: Checkpoint['config'];
} {
  const { quantization_config: outer, ...config } = whole;
  if (!isRecord(config.text_config)) return { settings: outer, config };
  const { quantization_config: inner, ...text } = config.text_config;
  return { settings: outer ?? inner, config: { ...config, text_config: text } };
}

/** Older files of bitsandbytes name no method. */
function methodOf(settings: Readonly<Record<string, unknown>>): string {
  if (typeof settings.quant_method === 'string') return settings.quant_method;
  return settings.load_in_4bit === true || settings.load_in_8bit === true ? 'bitsandbytes' : '';
}

function refuseRemainder({ weights }: Source, { used }: Found, method: string): void {
  for (const [name, { file }] of weights) {
    if (used.has(name) || !PART.test(name)) continue;
    throw new UserError(
      'model',
      `${file.path}: "${name}" belongs to no weight that is packed as ${method} packs them, and what it changes is not changed.`,
      REMEDY,
    );
  }
}

/** Lists of layers that are left as they are, in the different formats. */
const LISTS = ['modules_to_not_convert', 'llm_int8_skip_modules', 'ignored_layers', 'ignore'];

/** A layer that the configuration leaves as it is must not be stored packed: one of the two is wrong. */
function refuseIgnored({ where, settings }: Source, { weights }: Found): void {
  for (const list of LISTS) {
    const names = settings[list];
    if (!Array.isArray(names)) continue;
    for (const weight of weights.keys()) {
      const layer = weight.slice(0, -'.weight'.length);
      const named = names.find(
        (name) => typeof name === 'string' && (list === 'ignore' ? matches(name, layer) : isWithin(layer, name)),
      );
      if (named === undefined) continue;
      throw new UserError(
        'model',
        `${where}: quantization_config leaves "${named}" as it is (${list}), but the weight of "${layer}" is stored packed.`,
      );
    }
  }
}

/** Whether a layer is one so named, or inside one: by the beginning of its name, or the end. */
function isWithin(layer: string, name: string): boolean {
  return layer === name || layer.startsWith(`${name}.`) || layer.endsWith(`.${name}`);
}
