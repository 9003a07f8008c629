import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { preNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { mixtureOfExperts, withExperts } from './experts.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Mixtral (`MixtralForCausalLM`): as Mistral, with experts in place of each MLP. Jiang et al., arXiv 2401.04088.
 */
export function describeMixtral(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { maxPositions: 131072, window });
  const mlp = { ...readGatedMlp(config, sizes), names: { gate: 'w1', up: 'w3', down: 'w2' } };
  const routing = {
    experts: config.count('num_local_experts', 8),
    chosen: config.count('num_experts_per_tok', 2),
    normed: true,
  };
  const norm = readRmsNorm(config, sizes, 1e-5);
  const attention = { bias: false, outputBias: false, sliding: window !== null };
  return languageModel({
    sizes: withExperts(sizes, routing.experts),
    rotary: [readRotary(config, sizes, { theta: 1_000_000 })],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, attention),
        mlp(_, x) {
          return mixtureOfExperts(parts, layer, `model.layers.${layer}.block_sparse_moe`, x, mlp, routing);
        },
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
