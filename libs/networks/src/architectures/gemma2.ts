import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, type Norm, readActivation, selfAttention, sequentialBlock, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Gemma 2 (`Gemma2ForCausalLM`): norms before and after attention and MLP, whose weights are stored less 1; scaled
 * embeddings; scores and logits limited by tanh; a sliding window in every other layer. Gemma team, arXiv 2408.00118.
 */
export function describeGemma2(config: Fields): LanguageModel {
  return gemma2Model(config, true);
}

/** VaultGemma (`VaultGemmaForCausalLM`): as Gemma 2, without the norms after attention and MLP. Google, arXiv 2510.15001. */
export function describeVaultGemma(config: Fields): LanguageModel {
  return gemma2Model(config, false);
}

function gemma2Model(config: Fields, hasNormsAfter: boolean): LanguageModel {
  if (config.flag('use_bidirectional_attention', false)) {
    throw new UserError(
      'model',
      `${config.where}: use_bidirectional_attention is not supported; text is read from its start.`,
    );
  }
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { headSize: 256, maxPositions: 8192, window });
  const { hiddenSize } = sizes;
  const sliding = readSliding(config, sizes.layers, (layer) => layer % 2 === 0);
  const bias = config.flag('attention_bias', false);
  const scale = config.positive('query_pre_attn_scalar', 256) ** -0.5;
  const softcap = config.optionalPositive('attn_logit_softcapping', 50);
  const logitCap = config.optionalPositive('final_logit_softcapping', 30);
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size'),
    activation: readActivation(config, 'hidden_activation', 'gelu_pytorch_tanh'),
    bias: false,
  };
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const norm: Norm = (parts, name, x) => parts.rmsNorm(name, x, hiddenSize, { epsilon, offset: 1 });
  const normAfter: Norm = (parts, name, x) => (hasNormsAfter ? norm(parts, name, x) : x);
  const tables = tokenTables(config, sizes, { tied: true });
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), Math.sqrt(hiddenSize)),
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      const options = { bias, outputBias: bias, scale, softcap, sliding: window !== null && sliding(layer) };
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          const attended = selfAttention(parts, sizes, layer, `${at}.self_attn`, normed, options);
          return normAfter(parts, `${at}.post_attention_layernorm`, attended);
        },
        mlp(x) {
          const normed = norm(parts, `${at}.pre_feedforward_layernorm`, x);
          return normAfter(parts, `${at}.post_feedforward_layernorm`, gatedMlp(parts, `${at}.mlp`, normed, mlp));
        },
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
    logits(parts, states) {
      const logits = tables.logits(parts, states);
      return logitCap === null ? logits : parts.softcap(logits, logitCap);
    },
  });
}
