import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { gatedMlp, readGatedMlp, readRmsNorm } from './blocks.ts';
import { preNormModel } from './llama-form.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Qwen 2 and 2.5 (`Qwen2ForCausalLM`): as Llama, with biases on queries, keys and values alone; its upper layers may
 * have a sliding window. Yang et al., arXiv 2407.10671.
 */
export function describeQwen2(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 32768, window: readQwenWindow(config) });
  const sliding = readQwenSliding(config, sizes.layers);
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes);
  return preNormModel(config, {
    sizes,
    rotary: readRotary(config, sizes),
    norm,
    attention: (_, layer) => ({ bias: true, outputBias: false, sliding: sliding(layer) }),
    mlp: (parts, name, x) => gatedMlp(parts, name, x, mlp),
  });
}

/** The window of all Qwen models, which is named even where it is not used. */
export function readQwenWindow(config: Fields): number | null {
  return config.flag('use_sliding_window', false) ? config.optionalCount('sliding_window', 4096) : null;
}

/** Which layers have it: those from `max_window_layers` on, unless each layer's type is given. */
export function readQwenSliding(config: Fields, layers: number): (layer: number) => boolean {
  if (readQwenWindow(config) === null) return () => false;
  const first = config.whole('max_window_layers', 28);
  return readSliding(config, layers, (layer) => layer >= first);
}
