import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * SmolLM 3 (`SmolLM3ForCausalLM`): as Llama, without positions in every fourth layer, where there may be a sliding
 * window. Hugging Face, SmolLM3, 2025.
 */
export function describeSmolLm3(config: Fields): LanguageModel {
  // transformers' masks go by `layer_types` and `sliding_window`; `use_sliding_window` says which types there are by default.
  const window = config.optionalCount('sliding_window', null);
  const slides = config.flag('use_sliding_window', false) && window !== null;
  const sizes = readSizes(config, { maxPositions: 32768, window });
  const rotates = readRotating(config, sizes.layers);
  const sliding = readSliding(config, sizes.layers, (layer) => slides && !rotates(layer));
  const bias = config.flag('attention_bias', false);
  const mlp = readGatedMlp(config, sizes, config.flag('mlp_bias', false));
  const norm = readRmsNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes, { theta: 2_000_000 }),
    norm,
    attention: (_, layer) => ({
      bias,
      outputBias: bias,
      sliding: window !== null && sliding(layer),
      rotary: rotates(layer) ? 0 : null,
    }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
    tied: true,
  });
}

/** Which layers have positions: those with 1 in `no_rope_layers`, or all but every so many. */
function readRotating(config: Fields, layers: number): (layer: number) => boolean {
  const listed = config.value('no_rope_layers') ?? null;
  if (listed === null) {
    const interval = config.count('no_rope_layer_interval', 4);
    return (layer) => (layer + 1) % interval !== 0;
  }
  if (!Array.isArray(listed) || listed.length !== layers || listed.some((item) => item !== 0 && item !== 1)) {
    throw new UserError(
      'model',
      `${config.where}: no_rope_layers is ${JSON.stringify(listed)}; expected a list of ${layers} numbers, 0 or 1.`,
    );
  }
  return (layer) => listed[layer] === 1;
}
