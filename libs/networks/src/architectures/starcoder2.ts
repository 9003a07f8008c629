import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, readLayerNorm, readMlp } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * StarCoder 2 (`Starcoder2ForCausalLM`): as Mistral, with LayerNorm, biases and an MLP without a gate.
 * Lozhkov et al., arXiv 2402.19173.
 */
export function describeStarcoder2(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { maxPositions: 4096, window });
  const bias = config.flag('use_bias', true);
  const mlp = readMlp(config, sizes, 'gelu_pytorch_tanh', bias);
  const norm = readLayerNorm(config, sizes, { field: 'norm_epsilon' });
  const attention = { bias, outputBias: bias, sliding: window !== null };
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: () => attention,
    mlp: (parts, name, x) => plainMlp(parts, { up: `${name}.c_fc`, down: `${name}.c_proj` }, x, mlp),
    tied: true,
  });
}
