import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { llama3, longrope, yarn } from './rotary-scaling.ts';
import type { TrunkSizes } from './sizes.ts';

/** Rotary position embedding (Su et al., arXiv 2104.09864): the angle of pair i at position p is p · inverseFrequencies[i]. */
export interface RotarySpec {
  /** [rotary dimensions / 2], rounded to float32 as in transformers. */
  readonly inverseFrequencies: Float32Array;
  /** What cosines and sines are multiplied by. */
  readonly attentionFactor: number;
  /** Positions beyond which the frequencies would change with the length of the text; null if they never do. */
  readonly maxPositions: number | null;
  /** Whether a pair is two neighbours, 2i and 2i + 1, and not i and i + pairs; false if not given. */
  readonly interleaved?: boolean;
}

/** What an architecture takes where config.json is silent. */
export interface RotaryDefaults {
  readonly theta?: number;
  /** The share of each head that is rotated: its first dimensions. */
  readonly partialFactor?: number;
}

const ROPE_TYPES = ['default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope'];

/**
 * Reads rotary settings in either form of config.json: `rope_parameters`, or `rope_theta` with `rope_scaling`.
 * @throws UserError for a rope type that is not supported
 */
export function readRotary(config: Fields, sizes: RotarySizes, defaults: RotaryDefaults = {}): RotarySpec {
  return rotaryOf(config, config.group('rope_parameters') ?? config.group('rope_scaling'), sizes, defaults);
}

export type RotarySizes = Pick<TrunkSizes, 'headSize' | 'maxPositions'>;

/** The rotary embedding that a group of settings describes; null stands for an empty group. */
export function rotaryOf(
  config: Fields,
  settings: Fields | null,
  { headSize, maxPositions }: RotarySizes,
  { theta: usualTheta = 10000, partialFactor = 1 }: RotaryDefaults = {},
): RotarySpec {
  const either = (name: string, otherwise: number): number =>
    settings?.has(name) ? settings.positive(name) : config.positive(name, otherwise);
  const theta = either('rope_theta', usualTheta);
  const dimensions = Math.floor(headSize * either('partial_rotary_factor', partialFactor));
  if (dimensions === 0 || dimensions % 2 !== 0 || dimensions > headSize) {
    throw new UserError(
      'model',
      `${config.where}: rotary positions need an even part of ${headSize}; it is ${dimensions}.`,
    );
  }
  const plain = plainRotary(theta, dimensions);
  const base = plain.inverseFrequencies;
  if (!settings) return plain;

  const type = settings.text('rope_type', settings.text('type', 'default'));
  // Phi-3 and others keep the length of pre-training beside the settings.
  const original = (config.has('original_max_position_embeddings') ? config : settings).count(
    'original_max_position_embeddings',
    maxPositions,
  );
  switch (type) {
    case 'default':
      return plain;
    case 'linear': {
      const factor = settings.positive('factor');
      return { ...plain, inverseFrequencies: base.map((frequency) => frequency / factor) };
    }
    case 'dynamic':
      // Scales only texts longer than max_position_embeddings, and by their length: see maxPositions.
      settings.positive('factor');
      return { ...plain, maxPositions };
    case 'llama3':
      return { ...plain, inverseFrequencies: base.map(llama3(settings, original)) };
    case 'yarn':
      return { ...plain, ...yarn(settings, { theta, dimensions, original, maxPositions }) };
    case 'longrope':
    case 'su':
      return { ...longrope(settings, { theta, dimensions, original, maxPositions }), maxPositions: original };
    default:
      throw new UserError(
        'model',
        `${settings.where}: rope type "${type}" is not supported; supported: ${ROPE_TYPES.join(', ')}.`,
      );
  }
}

/** The rotary embedding of so many dimensions, without any scaling. */
export function plainRotary(theta: number, dimensions: number) {
  const inverseFrequencies = Float32Array.from(
    { length: dimensions / 2 },
    (_, i) => 1 / theta ** ((2 * i) / dimensions),
  );
  return { inverseFrequencies, attentionFactor: 1, maxPositions: null } as const;
}

/** Cosines and sines [positions, pairs] of positions 0 … positions − 1. */
export function rotaryTables(
  { inverseFrequencies, attentionFactor }: RotarySpec,
  positions: number,
): { cos: Float32Array; sin: Float32Array; pairs: number } {
  const pairs = inverseFrequencies.length;
  const cos = new Float32Array(positions * pairs);
  const sin = new Float32Array(positions * pairs);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = Math.fround(position * inverseFrequencies[i]!);
      cos[position * pairs + i] = Math.cos(angle) * attentionFactor;
      sin[position * pairs + i] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin, pairs };
}
