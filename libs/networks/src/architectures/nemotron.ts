import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { plainMlp, readLayerNorm, readMlp } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Nemotron and Minitron (`NemotronForCausalLM`): LayerNorm whose weights are stored less 1, rotary positions in a part
 * of each head, squared ReLU. Parmar et al., arXiv 2402.16819.
 */
export function describeNemotron(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 4096 });
  const bias = config.flag('attention_bias', false);
  const mlp = readMlp(config, sizes, 'relu2', config.flag('mlp_bias', false));
  const norm = readLayerNorm(config, sizes, { field: 'norm_eps', offset: 1 });
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 0.5), ofTables: true }),
    norm,
    attention: () => ({ bias, outputBias: bias }),
    mlp: (parts, name, x) => plainMlp(parts, { up: `${name}.up_proj`, down: `${name}.down_proj` }, x, mlp),
  });
}
