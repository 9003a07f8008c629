import type { Fields } from './architectures/fields.ts';
import { ModelError } from './errors.ts';

/** Rotary position embedding (Su et al., arXiv 2104.09864): the angle of pair i at position p is p · inverseFrequencies[i]. */
export interface RotarySpec {
  /** [rotary dimensions / 2], rounded to float32 as in transformers. */
  readonly inverseFrequencies: Float32Array;
}

/**
 * Reads rotary settings in either form of config.json: `rope_parameters`, or `rope_theta` with `rope_scaling`.
 * @throws ModelError for a rope type other than default, linear and llama3
 */
export function readRotary(config: Fields, dimensions: number, maxPositions: number): RotarySpec {
  const settings = config.group('rope_parameters') ?? config.group('rope_scaling');
  const theta = settings?.has('rope_theta') ? settings.positive('rope_theta') : config.positive('rope_theta', 10000);
  const base = Float32Array.from({ length: dimensions / 2 }, (_, i) => 1 / theta ** ((2 * i) / dimensions));
  const type = settings?.has('rope_type')
    ? settings.text('rope_type')
    : (settings?.text('type', 'default') ?? 'default');
  switch (type) {
    case 'default':
      return { inverseFrequencies: base };
    case 'linear': {
      const factor = settings!.positive('factor');
      return { inverseFrequencies: base.map((frequency) => frequency / factor) };
    }
    case 'llama3':
      return { inverseFrequencies: base.map(llama3Scaling(settings!, maxPositions)) };
    default:
      throw new ModelError(
        `${settings!.where}: rope type "${type}" is not supported; supported: default, linear, llama3.`,
      );
  }
}

/** Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, those between blended. */
function llama3Scaling(settings: Fields, maxPositions: number): (frequency: number) => number {
  const factor = settings.positive('factor');
  const low = settings.positive('low_freq_factor');
  const high = settings.positive('high_freq_factor');
  const original = settings.count('original_max_position_embeddings', maxPositions);
  return (frequency) => {
    const turns = (original * frequency) / (2 * Math.PI);
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const blend = (turns - low) / (high - low);
    return ((1 - blend) * frequency) / factor + blend * frequency;
  };
}

/** Cosines and sines [positions, pairs] of positions 0 … positions − 1. */
export function rotaryTables(spec: RotarySpec, positions: number): { cos: Float32Array; sin: Float32Array } {
  const pairs = spec.inverseFrequencies.length;
  const cos = new Float32Array(positions * pairs);
  const sin = new Float32Array(positions * pairs);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = Math.fround(position * spec.inverseFrequencies[i]!);
      cos[position * pairs + i] = Math.cos(angle);
      sin[position * pairs + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
