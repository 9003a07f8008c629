import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { headRmsNorm, type Norm, plainMlp, preNormBlock, readMlp, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * nanochat (`NanoChatForCausalLM`): norms without weights, also of the embedding and of each rotated query and key head;
 * rotary positions that turn the other way; an MLP without a gate; limited logits. Karpathy, nanochat, 2025.
 */
export function describeNanoChat(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  const bias = config.flag('attention_bias', false);
  const mlp = readMlp(config, sizes, 'relu2');
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const logitCap = config.optionalPositive('final_logit_softcapping', 15);
  const norm: Norm = (parts, _, x) => parts.rmsNorm(null, x, sizes.hiddenSize, { epsilon });
  const tables = tokenTables(config, sizes);
  const rotary = readRotary(config, sizes);
  return languageModel({
    sizes,
    rotary: [{ ...rotary, inverseFrequencies: rotary.inverseFrequencies.map((frequency) => -frequency) }],
    embed: (parts, inputIds) => norm(parts, '', tables.embed(parts, inputIds)),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) =>
          selfAttention(parts, sizes, layer, name, x, {
            bias,
            outputBias: bias,
            normRotated: (_, y, heads) => headRmsNorm(parts, sizes, epsilon)(null, y, heads),
          }),
        mlp: (name, x) => plainMlp(parts, { up: `${name}.fc1`, down: `${name}.fc2` }, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, '', hidden),
    logits(parts, states) {
      const logits = tables.logits(parts, states);
      return logitCap === null ? logits : parts.softcap(logits, logitCap);
    },
  });
}
