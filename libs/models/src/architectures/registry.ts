import { join } from 'node:path';
import { ModelError } from '../errors.ts';
import type { Decoder, DescribeDecoder } from './architecture.ts';
import { fieldsOf } from './fields.ts';
import { describeLlama } from './llama.ts';

const ARCHITECTURES: Readonly<Record<string, DescribeDecoder>> = { LlamaForCausalLM: describeLlama };

/** The architecture that a config.json names and its description. @throws ModelError if it is not a supported one */
export function describeDecoder(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): { architecture: string; decoder: Decoder } {
  const where = join(folder, 'config.json');
  const named: unknown = Array.isArray(config.architectures) ? config.architectures[0] : undefined;
  const supported = Object.keys(ARCHITECTURES).join(', ');
  if (typeof named !== 'string') throw new ModelError(`${where} names no architecture; supported: ${supported}.`);
  const describe = Object.hasOwn(ARCHITECTURES, named) ? ARCHITECTURES[named] : undefined;
  if (!describe) throw new ModelError(`${where}: architecture ${named} is not supported; supported: ${supported}.`);
  if (config.quantization_config !== undefined) {
    throw new ModelError(`${where}: checkpoints with quantised weights (quantization_config) are not supported.`);
  }
  return { architecture: named, decoder: describe(fieldsOf(config, where)) };
}
