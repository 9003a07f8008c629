import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { fusedGatedMlp, preNormBlock, readGatedMlp, readRmsNorm, tokenTables } from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Phi-3 and Phi-4 (`Phi3ForCausalLM`): as Llama, with one projection for queries, keys and values, one for the MLP's
 * gate and what it gates, and a sliding window where the configuration names one. Abdin et al., arXiv 2404.14219.
 */
export function describePhi3(config: Fields): LanguageModel {
  const window = config.optionalCount('sliding_window', null);
  const sizes = readSizes(config, { maxPositions: 4096, window });
  const { hiddenSize, heads, keyValueHeads, headSize } = sizes;
  const mlp = readGatedMlp(config, sizes);
  const norm = readRmsNorm(config, sizes, 1e-5);
  const widths = [heads * headSize, keyValueHeads * headSize, keyValueHeads * headSize];
  const fusedSize = (heads + 2 * keyValueHeads) * headSize;
  return languageModel({
    sizes,
    rotary: [readRotary(config, sizes, { partialFactor: config.positive('partial_rotary_factor', 1), ofTables: true })],
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention(name, x) {
          const fused = parts.linear(`${name}.qkv_proj`, x, [fusedSize, hiddenSize], false);
          const [query, key, value] = parts.split(fused, widths);
          const attended = parts.attention(
            layer,
            { query: parts.rotate(query!, heads), key: parts.rotate(key!, keyValueHeads), value: value! },
            { sliding: window !== null },
          );
          return parts.linear(`${name}.o_proj`, attended, [hiddenSize, heads * headSize], false);
        },
        mlp: (name, x) => fusedGatedMlp(parts, name, x, mlp),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
