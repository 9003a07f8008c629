import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, type Norm, preNormBlock, readActivation, selfAttention, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Gemma (`GemmaForCausalLM`): as Llama, with norms whose weights are stored less 1, and scaled embeddings.
 * Gemma team, arXiv 2403.08295.
 */
export function describeGemma(config: Fields): LanguageModel {
  refuseBidirectional(config);
  const sizes = readSizes(config, { headSize: 256, maxPositions: 8192 });
  const { hiddenSize } = sizes;
  const bias = config.flag('attention_bias', false);
  const activation = readActivation(config, 'hidden_act', 'gelu_pytorch_tanh');
  const mlp = {
    hiddenSize,
    intermediateSize: config.count('intermediate_size'),
    // Older checkpoints say "gelu" where they were trained with its approximation.
    activation: activation === 'gelu' ? 'gelu_pytorch_tanh' : activation,
    bias: false,
  } as const;
  const norm = readGemmaNorm(config, hiddenSize);
  const tables = tokenTables(config, sizes, { tied: true });
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes)],
    embed: (parts, inputIds) => parts.scale(tables.embed(parts, inputIds), Math.sqrt(hiddenSize)),
    logits: tables.logits,
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, { bias, outputBias: bias }),
        mlp: (name, x) => gatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}

/** RMSNorm of so many numbers, as all Gemmas have it: weights are stored less 1. */
export function readGemmaNorm(config: Fields, size: number): Norm {
  const options = { epsilon: config.positive('rms_norm_eps', 1e-6), offset: 1 };
  return (parts, name, x) => parts.rmsNorm(name, x, size, options);
}

/** @throws UserError where a token would see what comes after it */
export function refuseBidirectional(config: Fields): void {
  if (!config.flag('use_bidirectional_attention', false)) return;
  throw new UserError(
    'model',
    `${config.where}: use_bidirectional_attention is not supported; text is read from its start.`,
  );
}
