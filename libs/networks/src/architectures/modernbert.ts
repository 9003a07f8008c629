import type { Fields } from '@sonde/checkpoints';
import { readRotary, rotaryOf } from '../rotary.ts';
import { type Norm, readActivation, sequentialBlock } from './blocks.ts';
import { readLabels } from './labels.ts';
import type { SequenceClassifier } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

const [GLOBAL, LOCAL] = [0, 1];
const POOLINGS = ['cls', 'mean'] as const;

/**
 * ModernBERT (`ModernBertForSequenceClassification`): norms before attention and MLP, rotary positions, most layers
 * looking only at what is near, fused projections, gated MLP. Warner et al., arXiv 2412.13663.
 */
export function describeModernBert(config: Fields): SequenceClassifier {
  // `local_attention` is the whole width, half of it on each side.
  const window = Math.floor(config.count('local_attention', 128) / 2) + 1;
  const sizes = readSizes(config, { equalHeads: true, maxPositions: 8192, window });
  const { hiddenSize, vocabSize, heads, headSize, layers } = sizes;
  const every = config.count('global_attn_every_n_layers', 3);
  const isLocal = readSliding(config, layers, (layer) => layer % every !== 0);
  const intermediateSize = config.count('intermediate_size', 1152);
  const activation = readActivation(config, 'hidden_activation', 'gelu');
  const normOptions = { epsilon: config.positive('norm_eps', 1e-5), bias: config.flag('norm_bias', false) };
  const norm: Norm = (parts, name, x) => parts.layerNorm(name, x, hiddenSize, normOptions);
  const attentionBias = config.flag('attention_bias', false);
  const mlpBias = config.flag('mlp_bias', false);
  const headBias = config.flag('classifier_bias', false);
  const headActivation = readActivation(config, 'classifier_activation', 'gelu');
  const byType = config.group('rope_parameters');
  const rotary = (type: string, field: string, theta: number) =>
    byType?.has(type)
      ? rotaryOf(config, byType.group(type), sizes, { theta })
      : readRotary(config, sizes, { theta: config.positive(field, theta) });
  const labels = readLabels(config);
  return {
    trunk: {
      sizes,
      mask: 'full',
      tokenTypes: false,
      rotary: [
        rotary('full_attention', 'global_rope_theta', 160_000),
        rotary('sliding_attention', 'local_rope_theta', 10_000),
      ],
      embed(parts, inputIds) {
        const words = parts.embedding('model.embeddings.tok_embeddings', inputIds, [vocabSize, hiddenSize]);
        return norm(parts, 'model.embeddings.norm', words);
      },
      block(parts, layer, hidden) {
        const at = `model.layers.${layer}`;
        const sliding = isLocal(layer);
        return sequentialBlock(parts, layer, hidden, {
          attention(x) {
            // The embedding has just been normed.
            const normed = layer === 0 ? x : norm(parts, `${at}.attn_norm`, x);
            const fused = parts.linear(`${at}.attn.Wqkv`, normed, [3 * hiddenSize, hiddenSize], attentionBias);
            const [query, key, value] = parts.split(fused, [hiddenSize, hiddenSize, hiddenSize]);
            const place = (y: string) => parts.rotate(y, heads, sliding ? LOCAL : GLOBAL);
            const projections = { query: place(query!), key: place(key!), value: value! };
            const attended = parts.attention(layer, projections, { sliding });
            return parts.linear(`${at}.attn.Wo`, attended, [hiddenSize, heads * headSize], attentionBias);
          },
          mlp(x) {
            const normed = norm(parts, `${at}.mlp_norm`, x);
            const fused = parts.linear(`${at}.mlp.Wi`, normed, [2 * intermediateSize, hiddenSize], mlpBias);
            const [wide, gate] = parts.split(fused, [intermediateSize, intermediateSize]);
            const gated = parts.multiply(parts.activation(activation, wide!), gate!);
            return parts.linear(`${at}.mlp.Wo`, gated, [hiddenSize, intermediateSize], mlpBias);
          },
        });
      },
      finalNorm: (parts, hidden) => norm(parts, 'model.final_norm', hidden),
    },
    head: {
      ...labels,
      summary: config.oneOf('classifier_pooling', POOLINGS, 'cls') === 'mean' ? 'mean' : 'first',
      logits(parts, summary) {
        const dense = parts.linear('head.dense', summary, [hiddenSize, hiddenSize], headBias);
        const normed = norm(parts, 'head.norm', parts.activation(headActivation, dense));
        return parts.linear('classifier', normed, [labels.labels.length, hiddenSize], true);
      },
    },
  };
}
