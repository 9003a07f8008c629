import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import { readRotary } from '../rotary.ts';
import { alibiSlopes } from './alibi.ts';
import { parallelBlock, plainMlp, readActivation, readLayerNorm, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * Falcon (`FalconForCausalLM`): attention and MLP side by side, one key and value for all heads (7b) or for groups of
 * them (40b), or one after the other with scores that fall with distance (rw). Almazrouei et al., arXiv 2311.16867.
 */
export function describeFalcon(config: Fields): LanguageModel {
  const hiddenSize = config.count(config.has('n_embed') ? 'n_embed' : 'hidden_size', 4544);
  const heads = config.count('num_attention_heads', 71);
  const headSize = headSizeOf(config, hiddenSize, heads);
  const isNew = config.flag('new_decoder_architecture', false);
  const sharesAll = !isNew && config.flag('multi_query', true);
  const storedHeads = sharesAll ? 1 : isNew ? config.count('num_kv_heads', heads) : heads;
  const hasAlibi = config.flag('alibi', false);
  if (heads % storedHeads !== 0 || (hasAlibi && isNew && storedHeads !== heads)) {
    throw new UserError(
      'model',
      `${config.where}: ${heads} attention heads cannot share ${storedHeads} key–value heads (multi_query, num_kv_heads)${hasAlibi ? ' with alibi' : ''}.`,
    );
  }
  // The positions of keys are each head's own: one that all share is repeated.
  const keyValueHeads = hasAlibi ? heads : storedHeads;
  const isParallel = isNew || config.flag('parallel_attn', true);
  if (isNew && !config.flag('parallel_attn', true)) {
    throw new UserError('model', `${config.where}: new_decoder_architecture needs parallel_attn.`);
  }
  const hasTwoNorms = isNew && config.count('num_ln_in_parallel_attn', 2) === 2;
  const sizes = {
    layers: config.count('num_hidden_layers', 32),
    hiddenSize,
    vocabSize: config.count('vocab_size', 65024),
    maxPositions: config.count('max_position_embeddings', 2048),
    heads,
    keyValueHeads,
    headSize,
    window: null,
    ...(hasAlibi ? { cachedSize: headSize + 1 } : {}),
  };
  const scale = 1 / Math.sqrt(headSize);
  // transformers' eager attention, which it takes where it is told to, adds it twice: in the mask and to the scores.
  const times = config.value('attn_implementation') === 'eager' ? 2 : 1;
  const options = hasAlibi ? { alibi: { slopes: alibiSlopes(heads), coarse: true, factor: times * scale } } : {};
  const bias = config.flag('bias', false);
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('ffn_hidden_size', 4 * hiddenSize),
    activation: readActivation(config, 'activation', 'gelu'),
    bias,
  };
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon' });
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const embedding = 'transformer.word_embeddings';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  const group = heads / storedHeads;
  return languageModel({
    sizes,
    rotary: hasAlibi ? [] : [readRotary(config, sizes)],
    embed: (parts, inputIds) => parts.embedding(embedding, inputIds, tokens),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      const attention = (x: Value): Value => {
        const name = `${at}.self_attention`;
        const fusedSize = (heads + 2 * storedHeads) * headSize;
        const fused = parts.linear(`${name}.query_key_value`, x, [fusedSize, hiddenSize], bias);
        const [query, key, value] = parts.splitGroups(fused, storedHeads, [group * headSize, headSize, headSize]);
        const rotate = (y: Value, count: number): Value => (hasAlibi ? y : parts.rotate(y, count));
        const repeat = (y: Value): Value =>
          storedHeads === keyValueHeads ? y : parts.joinHeads([{ x: y, size: headSize, heads: storedHeads }], heads);
        const projections = {
          query: rotate(query!, heads),
          key: repeat(rotate(key!, storedHeads)),
          value: repeat(value!),
        };
        const attended = parts.attention(layer, projections, options);
        return parts.linear(`${name}.dense`, attended, [hiddenSize, hiddenSize], bias);
      };
      const feed = (x: Value): Value =>
        plainMlp(parts, { up: `${at}.mlp.dense_h_to_4h`, down: `${at}.mlp.dense_4h_to_h` }, x, mlp);
      if (!isParallel) {
        return sequentialBlock(parts, layer, hidden, {
          attention: (x) => attention(norm(parts, `${at}.input_layernorm`, x)),
          mlp: (x) => feed(norm(parts, `${at}.post_attention_layernorm`, x)),
        });
      }
      const normed = norm(parts, hasTwoNorms ? `${at}.ln_attn` : `${at}.input_layernorm`, hidden);
      const ofMlp = hasTwoNorms ? norm(parts, `${at}.ln_mlp`, hidden) : normed;
      return parallelBlock(parts, layer, hidden, { attention: () => attention(normed), mlp: () => feed(ofMlp) });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}
