import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary } from '../rotary.ts';
import { graniteMixtures, graniteModel } from './granite.ts';
import type { LanguageModel } from './network.ts';
import { readSizes } from './read-sizes.ts';

/**
 * Granite 4 (`GraniteMoeHybridForCausalLM`) where all layers are attention: as Granite 3, with an MLP for all tokens, and
 * with experts beside it or without; with positions or without. IBM, Granite 4.0, 2025.
 */
export function describeGraniteMoeHybrid(config: Fields): LanguageModel {
  const sizes = readSizes(config);
  refuseStates(config, sizes.layers);
  const rotates = config.text('position_embedding_type', 'none') === 'rope';
  return graniteModel(config, {
    rotary: rotates ? [readRotary(config, sizes)] : [],
    attention: () => ({ rotary: rotates ? 0 : null }),
    ...graniteMixtures(config, sizes, {
      experts: config.whole('num_local_experts', 8),
      sharedSize: config.count('shared_intermediate_size', 1024),
    }),
  });
}

/** As checkpoints on the hub call them, and as transformers saves them. */
const LAYER_TYPES = ['attention', 'full_attention', 'mamba', 'linear_attention'] as const;

/** Refuses layers that are not attention. @throws UserError */
function refuseStates(config: Fields, layers: number): void {
  const types = config.words('layer_types', LAYER_TYPES, layers);
  const layer = types?.findIndex((type) => type === 'mamba' || type === 'linear_attention') ?? 0;
  if (layer === -1) return;
  const found =
    types === null ? 'layer_types is missing, which makes all layers "mamba"' : `layer ${layer} is "${types[layer]}"`;
  throw new UserError(
    'model',
    `${config.where}: ${found}; such a layer carries a state from token to token in place of attention, which is not supported.`,
    'Of GraniteMoeHybridForCausalLM, checkpoints run whose layer_types are all "attention".',
  );
}
