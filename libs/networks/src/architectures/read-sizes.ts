import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { HeadSizes, TrunkSizes } from '../sizes.ts';

export interface SizeDefaults {
  readonly headSize?: number;
  readonly maxPositions?: number;
  /** The class knows no heads but those that share the hidden size: it reads neither `num_key_value_heads` nor `head_dim`. */
  readonly equalHeads?: boolean;
  /** See `TrunkSizes`; as `readWindow` gives it. */
  readonly window?: number | null;
}

/** More cannot be meant, and the tables of angles would not fit in memory. */
const MOST_HEAD_SIZE = 65_536;

/** The sizes under the names that most config.json files use. @throws UserError if they cannot be */
export function readSizes(config: Fields, defaults: SizeDefaults = {}): TrunkSizes {
  const hiddenSize = config.count('hidden_size');
  const heads = config.count('num_attention_heads');
  const keyValueHeads = defaults.equalHeads ? heads : config.count('num_key_value_heads', heads);
  const ownHeadSize = !defaults.equalHeads && (config.has('head_dim') || defaults.headSize !== undefined);
  const headSize = ownHeadSize ? config.count('head_dim', defaults.headSize) : headSizeOf(config, hiddenSize, heads);
  checkHeads(config, heads, { keyValueHeads, headSize });
  return {
    layers: config.count('num_hidden_layers'),
    hiddenSize,
    vocabSize: config.count('vocab_size'),
    maxPositions: config.count('max_position_embeddings', defaults.maxPositions ?? 2048),
    heads,
    keyValueHeads,
    headSize,
    window: defaults.window ?? null,
  };
}

/** @throws UserError if so many heads cannot be divided so */
export function checkHeads(config: Fields, heads: number, { keyValueHeads, headSize }: HeadSizes): void {
  if (heads % keyValueHeads !== 0) {
    throw new UserError(
      'model',
      `${config.where}: ${heads} attention heads cannot share ${keyValueHeads} key–value heads.`,
    );
  }
  if (headSize > MOST_HEAD_SIZE) {
    throw new UserError(
      'model',
      `${config.where}: heads of ${headSize} numbers; at most ${MOST_HEAD_SIZE} are supported.`,
    );
  }
}

/** The size of heads that share the hidden size among them. @throws UserError if they cannot */
export function headSizeOf(config: Fields, hiddenSize: number, heads: number): number {
  if (hiddenSize % heads !== 0) {
    throw new UserError('model', `${config.where}: a hidden size of ${hiddenSize} cannot be shared by ${heads} heads.`);
  }
  return hiddenSize / heads;
}

export const LAYER_TYPES = ['full_attention', 'sliding_attention'] as const;
export type LayerType = (typeof LAYER_TYPES)[number];

/** Which layers have a sliding window, by `layer_types`. @param otherwise what holds where the field is absent */
export function readSliding(
  config: Fields,
  layers: number,
  otherwise: (layer: number) => boolean,
): (layer: number) => boolean {
  const types = config.words('layer_types', LAYER_TYPES, layers);
  return types ? (layer) => types[layer] === 'sliding_attention' : otherwise;
}
