import { ModelError } from '../errors.ts';
import { readRotary } from '../rotary.ts';
import type { DescribeDecoder } from './architecture.ts';

/**
 * Llama 1–3 (`LlamaForCausalLM`): RMSNorm before attention and MLP, rotary positions, grouped-query attention, SwiGLU.
 * Touvron et al., arXiv 2302.13971 and 2307.09288; Grattafiori et al., arXiv 2407.21783.
 */
export const describeLlama: DescribeDecoder = (config) => {
  const hiddenSize = config.count('hidden_size');
  const heads = config.count('num_attention_heads');
  const keyValueHeads = config.count('num_key_value_heads', heads);
  const headSize = config.count('head_dim', hiddenSize / heads);
  const intermediateSize = config.count('intermediate_size');
  const vocabSize = config.count('vocab_size');
  const epsilon = config.positive('rms_norm_eps', 1e-6);
  const attentionBias = config.flag('attention_bias', false);
  const mlpBias = config.flag('mlp_bias', false);
  const tied = config.flag('tie_word_embeddings', false);
  const activation = config.text('hidden_act', 'silu');
  if (activation !== 'silu') throw new ModelError(`${config.where}: hidden_act is "${activation}"; supported: silu.`);
  if (heads % keyValueHeads !== 0) {
    throw new ModelError(`${config.where}: ${heads} attention heads cannot share ${keyValueHeads} key–value heads.`);
  }
  const sizes = {
    layers: config.count('num_hidden_layers'),
    hiddenSize,
    vocabSize,
    maxPositions: config.count('max_position_embeddings', 2048),
    heads,
    keyValueHeads,
    headSize,
  };
  const embedding = 'model.embed_tokens';
  return {
    sizes,
    rotary: readRotary(config, headSize, sizes.maxPositions),

    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, [vocabSize, hiddenSize]),

    block(parts, layer, hidden) {
      const self = `model.layers.${layer}.self_attn`;
      const mlp = `model.layers.${layer}.mlp`;
      const project = (name: string, x: string, count: number) =>
        parts.linear(`${self}.${name}`, x, [count * headSize, hiddenSize], attentionBias);

      const x = parts.rmsNorm(`model.layers.${layer}.input_layernorm`, hidden, hiddenSize, epsilon);
      const attended = parts.attention(layer, {
        query: parts.rotate(project('q_proj', x, heads)),
        key: parts.rotate(project('k_proj', x, keyValueHeads)),
        value: project('v_proj', x, keyValueHeads),
      });
      const attention = parts.linear(`${self}.o_proj`, attended, [hiddenSize, heads * headSize], attentionBias);
      const middle = parts.add(hidden, parts.gateAttention(layer, attention));

      const y = parts.rmsNorm(`model.layers.${layer}.post_attention_layernorm`, middle, hiddenSize, epsilon);
      const gate = parts.silu(parts.linear(`${mlp}.gate_proj`, y, [intermediateSize, hiddenSize], mlpBias));
      const up = parts.linear(`${mlp}.up_proj`, y, [intermediateSize, hiddenSize], mlpBias);
      const down = parts.linear(`${mlp}.down_proj`, parts.multiply(gate, up), [hiddenSize, intermediateSize], mlpBias);
      return parts.add(middle, parts.gateMlp(layer, down));
    },

    finalNorm: (parts, hidden) => parts.rmsNorm('model.norm', hidden, hiddenSize, epsilon),

    head: (parts, normed) => parts.linear(tied ? embedding : 'lm_head', normed, [vocabSize, hiddenSize], false),
  };
};
