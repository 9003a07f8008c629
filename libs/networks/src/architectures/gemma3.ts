import type { Fields } from '@sonde/checkpoints';
import { readRotaryByType } from '../rotary.ts';
import { gatedMlp, readActivation, selfAttention, sequentialBlock, tokenTables } from './blocks.ts';
import { readGemmaNorm, refuseBidirectional } from './gemma.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

const [WIDE, NARROW] = [0, 1];

/**
 * Gemma 3 (`Gemma3ForCausalLM`): as Gemma 2, with a norm of each query and key head, a sliding window in five layers of
 * six, and rotary positions of their own in those. Gemma team, arXiv 2503.19786.
 */
export function describeGemma3(config: Fields): LanguageModel {
  refuseBidirectional(config);
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { headSize: 256, maxPositions: 131072, window });
  const { hiddenSize, headSize } = sizes;
  const pattern = config.count('sliding_window_pattern', 6);
  const sliding = readSliding(config, sizes.layers, (layer) => (layer + 1) % pattern !== 0);
  const bias = config.flag('attention_bias', false);
  const scale = config.positive('query_pre_attn_scalar', 256) ** -0.5;
  const logitCap = config.optionalPositive('final_logit_softcapping', null);
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size'),
    activation: readActivation(config, 'hidden_activation', 'gelu_pytorch_tanh'),
    bias: false,
  };
  const norm = readGemmaNorm(config, hiddenSize);
  const headNorm = readGemmaNorm(config, headSize);
  const tables = tokenTables(config, sizes, { tied: true });
  const theta = {
    full: config.positive('rope_theta', 1_000_000),
    sliding: config.positive('rope_local_base_freq', 10_000),
  };
  return languageModel({
    sizes,
    rotary: readRotaryByType(config, sizes, theta),
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), Math.sqrt(hiddenSize)),
    block(parts, layer, hidden) {
      const at = `model.layers.${layer}`;
      const isSliding = sliding(layer);
      return sequentialBlock(parts, layer, hidden, {
        attention(x) {
          const normed = norm(parts, `${at}.input_layernorm`, x);
          const attended = selfAttention(parts, sizes, layer, `${at}.self_attn`, normed, {
            bias,
            outputBias: bias,
            scale,
            sliding: window !== null && isSliding,
            rotary: isSliding ? NARROW : WIDE,
            norm: (name, y, heads) => headNorm(parts, name, parts.splitHeads(y, heads)),
          });
          return norm(parts, `${at}.post_attention_layernorm`, attended);
        },
        mlp(x) {
          const normed = norm(parts, `${at}.pre_feedforward_layernorm`, x);
          return norm(parts, `${at}.post_feedforward_layernorm`, gatedMlp(parts, `${at}.mlp`, normed, mlp));
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
