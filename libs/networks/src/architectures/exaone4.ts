import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, headRmsNorm, readGatedMlp, readRmsNorm } from './blocks.ts';
import { type LlamaForm, postNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * EXAONE 4 (`Exaone4ForCausalLM`): norms as in OLMo 2, but of each query and key head; where there is a sliding window,
 * the layers without it have no positions. LG AI Research, arXiv 2507.11407.
 */
export function describeExaone4(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', 4096);
  const sizes = readSizes(config, { window });
  const mlp = readGatedMlp(config, sizes);
  return postNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm: readRmsNorm(config, sizes, 1e-5),
    attention: readExaoneAttention(config, sizes),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}

/** Norms of each query and key head; where there is a window, the layers without it have no positions. */
export function readExaoneAttention(config: Fields, sizes: TrunkSizes): LlamaForm['attention'] {
  const { window } = sizes;
  const sliding = readSliding(config, sizes.layers, byPattern(config, window));
  const epsilon = config.positive('rms_norm_eps', 1e-5);
  return (parts, layer) => ({
    bias: false,
    outputBias: false,
    norm: headRmsNorm(parts, sizes, epsilon),
    sliding: window !== null && sliding(layer),
    rotary: window === null || sliding(layer) ? 0 : null,
  });
}

/** Every so many layers one has no window, where `layer_types` does not say which. */
function byPattern(config: Fields, window: number | null): (layer: number) => boolean {
  const listed = (config.value('layer_types') ?? null) !== null;
  if (window === null || listed) return () => false;
  const every = config.count('sliding_window_pattern', 4);
  return (layer) => (layer + 1) % every !== 0;
}
