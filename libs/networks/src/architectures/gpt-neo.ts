import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { plainMlp, readActivation, readLayerNorm, selfAttention, sequentialBlock } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { headSizeOf } from './read-sizes.ts';

/**
 * GPT-Neo (`GPTNeoForCausalLM`): as GPT-2, with scores that are not divided, and a sliding window in the layers that
 * `attention_types` calls local. Black et al., GPT-Neo, 2021.
 */
export function describeGptNeo(config: Fields): LanguageModel {
  const hiddenSize = config.count('hidden_size', 2048);
  const heads = config.count('num_heads', 16);
  const layers = config.count('num_layers', 24);
  const isLocal = readLocal(config, layers);
  const sizes = {
    layers,
    hiddenSize,
    vocabSize: config.count('vocab_size', 50257),
    maxPositions: config.count('max_position_embeddings', 2048),
    heads,
    keyValueHeads: heads,
    headSize: headSizeOf(config, hiddenSize, heads),
    window: isLocal.includes(true) ? config.count('window_size', 256) : null,
  };
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size', 4 * hiddenSize),
    activation: readActivation(config, 'activation_function', 'gelu_new'),
    bias: true,
  };
  const norm = readLayerNorm(config, sizes, { field: 'layer_norm_epsilon' });
  const tokens = [sizes.vocabSize, hiddenSize] as const;
  const embedding = 'transformer.wte';
  const head = config.flag('tie_word_embeddings', true) ? embedding : 'lm_head';
  return languageModel({
    sizes,
    rotary: [],
    embed: (parts, inputIds) =>
      parts.add(
        parts.embedding(embedding, inputIds, tokens),
        parts.positionEmbedding('transformer.wpe', [sizes.maxPositions, hiddenSize]),
      ),
    block(parts, layer, hidden) {
      const at = `transformer.h.${layer}`;
      return sequentialBlock(parts, layer, hidden, {
        attention: (x) =>
          selfAttention(parts, sizes, layer, `${at}.attn.attention`, norm(parts, `${at}.ln_1`, x), {
            bias: false,
            outputBias: true,
            rotary: null,
            output: 'out_proj',
            scale: 1,
            sliding: isLocal[layer]!,
          }),
        mlp: (x) =>
          plainMlp(parts, { up: `${at}.mlp.c_fc`, down: `${at}.mlp.c_proj` }, norm(parts, `${at}.ln_2`, x), mlp),
      });
    },
    finalNorm: (parts, hidden) => norm(parts, 'transformer.ln_f', hidden),
    logits: (parts, states) => parts.linear(head, states, tokens, false),
  });
}

/**
 * Which layers are local: what `attention_layers` says of each, else `attention_types`, a list of [kinds, how often they
 * come one after the other].
 */
function readLocal(config: Fields, layers: number): boolean[] {
  const each = config.words('attention_layers', ['global', 'local'], layers);
  if (each) return each.map((kind) => kind === 'local');
  const types = config.value('attention_types') ?? [[['global', 'local'], 12]];
  const fail = (): never => {
    throw new UserError(
      'model',
      `${config.where}: attention_types is ${JSON.stringify(types)}; expected [[kinds, times], …], kinds being "global" and "local", for ${layers} layers in all.`,
    );
  };
  if (!Array.isArray(types)) return fail();
  const kinds = types.flatMap((entry: unknown): unknown[] => {
    const [names, times] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!Array.isArray(names) || !Number.isSafeInteger(times) || (times as number) * names.length > layers)
      return fail();
    return Array.from({ length: times as number }, () => names as unknown[]).flat();
  });
  if (kinds.length !== layers || kinds.some((kind) => kind !== 'global' && kind !== 'local')) return fail();
  return kinds.map((kind) => kind === 'local');
}
