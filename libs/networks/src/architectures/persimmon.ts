import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { preNormBlock, readLayerNorm, readMlp, tokenTables } from './blocks.ts';
import { neoxAttention, neoxMlp } from './gpt-neox.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Persimmon (`PersimmonForCausalLM`): as GPT-NeoX, with a norm of each query and key head, squared ReLU, and attention
 * and MLP one after the other. Elsen et al., Persimmon-8B, 2023.
 */
export function describePersimmon(config: Fields): LanguageModel {
  const sizes = readSizes(config, { equalHeads: true, maxPositions: 16384 });
  const { headSize } = sizes;
  const mlp = readMlp(config, sizes, 'relu2', true);
  const norm = readLayerNorm(config, sizes);
  const headNorm = config.flag('qk_layernorm', true) ? readLayerNorm(config, { hiddenSize: headSize }) : null;
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 0.5) })],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          neoxAttention(parts, sizes, layer, name, x, {
            bias: true,
            norm: headNorm && ((letter, y) => headNorm(parts, `${name}.${letter}_layernorm`, y)),
          }),
        mlp: (name, x) => neoxMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.final_layernorm', hidden),
  });
}
