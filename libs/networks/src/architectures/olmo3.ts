import type { Fields } from '@sonde/checkpoints';
import { readRotaryByType } from '../rotary.ts';
import { gatedMlp, postNormBlock, readGatedMlp, readRmsNorm, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

const THETA = 500_000;
const [WIDE, NARROW] = [0, 1];

/**
 * OLMo 3 (`Olmo3ForCausalLM`): as OLMo 2, with a sliding window in three layers of four, whose positions are not scaled
 * when those of the others are. OLMo team, arXiv 2512.13961.
 */
export function describeOlmo3(config: Fields): LanguageModel {
  const sizes = readSizes(config, { window: config.optionalCount('sliding_window', 4096) });
  const sliding = readSliding(config, sizes.layers, (layer) => (layer + 1) % 4 !== 0);
  const bias = config.flag('attention_bias', false);
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1e-5);
  return languageModel({
    sizes,
    // The class gives rope_theta to the layers without a window alone.
    rotary: readRotaryByType(config, sizes, { full: config.positive('rope_theta', THETA), sliding: THETA }),
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      postNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            norm: (at, y, heads) => parts.rmsNorm(at, y, heads * sizes.headSize, { epsilon }),
            sliding: sizes.window !== null && sliding(layer),
            rotary: sliding(layer) ? NARROW : WIDE,
          }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
