import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { fieldsOf } from '@sonde/checkpoints';
import type { Decoder, DescribeDecoder } from './architecture.ts';
import { describeGemma2 } from './gemma2.ts';
import { describeGptNeox } from './gpt-neox.ts';
import { describeGpt2 } from './gpt2.ts';
import { describeLlama } from './llama.ts';
import { describeMistral } from './mistral.ts';
import { describeOlmo } from './olmo.ts';
import { describeOlmo2 } from './olmo2.ts';
import { describeOlmo3 } from './olmo3.ts';
import { describePhi3 } from './phi3.ts';
import { describeQwen2 } from './qwen2.ts';
import { describeQwen3 } from './qwen3.ts';

/** By the class name in config.json. */
export const ARCHITECTURES: Readonly<Record<string, DescribeDecoder>> = {
  Gemma2ForCausalLM: describeGemma2,
  GPT2LMHeadModel: describeGpt2,
  GPTNeoXForCausalLM: describeGptNeox,
  LlamaForCausalLM: describeLlama,
  MistralForCausalLM: describeMistral,
  OlmoForCausalLM: describeOlmo,
  Olmo2ForCausalLM: describeOlmo2,
  Olmo3ForCausalLM: describeOlmo3,
  Phi3ForCausalLM: describePhi3,
  Qwen2ForCausalLM: describeQwen2,
  Qwen3ForCausalLM: describeQwen3,
};

/** More cannot be meant, and building the graph would not end. */
const MOST_LAYERS = 10_000;

/** The architecture that a config.json names and its description. @throws UserError if it is not a supported one */
export function describeDecoder(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): { architecture: string; decoder: Decoder } {
  const where = join(folder, 'config.json');
  const named: unknown = Array.isArray(config.architectures) ? config.architectures[0] : undefined;
  const supported = Object.keys(ARCHITECTURES).join(', ');
  if (typeof named !== 'string')
    throw new UserError('model', `${where} names no architecture; supported: ${supported}.`);
  const describe = Object.hasOwn(ARCHITECTURES, named) ? ARCHITECTURES[named] : undefined;
  if (!describe)
    throw new UserError('model', `${where}: architecture ${named} is not supported; supported: ${supported}.`);
  if (config.quantization_config !== undefined) {
    throw new UserError(
      'model',
      `${where}: checkpoints with quantised weights (quantization_config) are not supported.`,
    );
  }
  const decoder = withinRotary(describe(fieldsOf(config, where)));
  const { layers } = decoder.sizes;
  if (layers > MOST_LAYERS) {
    throw new UserError(
      'model',
      `${where}: the model would have ${layers} layers; at most ${MOST_LAYERS} are supported.`,
    );
  }
  return { architecture: named, decoder };
}

/** Ends the context where rotary frequencies would begin to depend on the length of the text. */
function withinRotary(decoder: Decoder): Decoder {
  const limits = decoder.rotary.flatMap(({ maxPositions }) => maxPositions ?? []);
  const maxPositions = Math.min(decoder.sizes.maxPositions, ...limits);
  return { ...decoder, sizes: { ...decoder.sizes, maxPositions } };
}
