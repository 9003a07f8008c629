import { UserError } from '@sonde/base';
import { type Fields, fieldsOf } from '@sonde/checkpoints';
import { llama3, longrope, proportional, wavelengths, yarn } from './rotary-scaling.ts';
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
  /** The position p of a text's first token; 0 if not given. */
  readonly first?: number;
}

/** What an architecture takes where config.json is silent. */
export interface RotaryDefaults {
  readonly theta?: number;
  /** The settings of a config.json that names none. */
  readonly usual?: Readonly<Record<string, unknown>>;
  /** The share of each head that is rotated, its first dimensions, for classes that can rotate a part alone. */
  readonly partialFactor?: number;
  /** As many dimensions are rotated as the tables of cosines have: an odd part is one more, a whole head's is whole. */
  readonly ofTables?: boolean;
}

const ROPE_TYPES = ['default', 'linear', 'dynamic', 'llama3', 'yarn', 'longrope', 'proportional'];

/**
 * Reads rotary settings in either form of config.json: `rope_parameters`, or `rope_theta` with `rope_scaling`, which
 * counts where a file has both.
 * @throws UserError for a rope type that is not supported
 */
export function readRotary(config: Fields, sizes: RotarySizes, defaults: RotaryDefaults = {}): RotarySpec {
  const theta = config.positive('rope_theta', defaults.theta ?? 10000);
  return rotaryOf(config, rotarySettings(config, defaults.usual), sizes, { ...defaults, theta });
}

/** `rope_scaling`, or `rope_parameters`; where there are neither the class's usual ones, or null. */
export function rotarySettings(config: Fields, usual?: RotaryDefaults['usual']): Fields | null {
  const scaling = config.group('rope_scaling');
  if (scaling !== null && scaling.names().length > 0) return scaling;
  return config.group('rope_parameters') ?? (usual === undefined ? null : fieldsOf(usual, config.where));
}

/**
 * The same for classes whose layers with a sliding window have settings of their own: [without a window, with one].
 * `rope_scaling` is for the layers without, over what `rope_parameters` says of them.
 * @param theta where the settings of a type of layer name none
 */
export function readRotaryByType(
  config: Fields,
  sizes: RotarySizes,
  theta: { readonly full: number; readonly sliding: number },
): [RotarySpec, RotarySpec] {
  const parameters = config.group('rope_parameters');
  const full = parameters?.group('full_attention') ?? fieldsOf({ rope_type: 'default' }, config.where);
  const scaling = config.group('rope_scaling');
  return [
    rotaryOf(config, scaling === null ? full : over(full, scaling), sizes, { theta: theta.full }),
    rotaryOf(config, parameters?.group('sliding_attention') ?? null, sizes, { theta: theta.sliding }),
  ];
}

/**
 * The rotary embedding of one type of layers, of a class that has settings for each type alone.
 * @param usual those of a config.json that names none
 * @throws UserError where there are none for this type
 */
export function readRotaryOfType(
  config: Fields,
  type: string,
  sizes: RotarySizes,
  usual: NonNullable<RotaryDefaults['usual']>,
): RotarySpec {
  const parameters = config.group('rope_parameters') ?? fieldsOf(usual, config.where);
  const settings = parameters.group(type);
  if (settings) return rotaryOf(config, settings, sizes, {});
  throw new UserError('model', `${parameters.where}: there is nothing of ${type}, which the layers need.`);
}

/** Settings with another base. */
export function withBase(settings: Fields | null, theta: number): Fields {
  const base = fieldsOf({ rope_theta: theta }, settings?.where ?? 'rope_theta');
  return settings === null ? base : over(settings, base);
}

/** Settings with others over them. */
function over(below: Fields, above: Fields): Fields {
  const values = [below, above].flatMap((each) => each.names().map((name) => [name, each.value(name)]));
  return fieldsOf(Object.fromEntries(values), above.where);
}

export type RotarySizes = Pick<TrunkSizes, 'headSize' | 'maxPositions'>;

/** The rotary embedding that a group of settings describes; null stands for an empty group. */
export function rotaryOf(
  config: Fields,
  settings: Fields | null,
  { headSize, maxPositions }: RotarySizes,
  { theta: usualTheta = 10000, partialFactor, ofTables = false }: RotaryDefaults,
): RotarySpec {
  const theta = settings?.positive('rope_theta', usualTheta) ?? usualTheta;
  // Other classes take no notice of the field.
  const part =
    partialFactor === undefined ? 1 : (settings?.positive('partial_rotary_factor', partialFactor) ?? partialFactor);
  const type = settings?.text('rope_type', settings.text('type', 'default')) ?? 'default';
  const dimensions = ofTables && type === 'proportional' ? headSize : Math.floor(headSize * part);
  const rotated = ofTables ? 2 * Math.ceil(dimensions / 2) : dimensions;
  if (dimensions === 0 || rotated % 2 !== 0 || rotated > headSize) {
    throw new UserError(
      'model',
      `${config.where}: rotary positions need an even part of ${headSize}; it is ${dimensions}.`,
    );
  }
  const plain = plainRotary(theta, dimensions);
  const base = plain.inverseFrequencies;
  if (!settings) return plain;

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
      if (dimensions % 2 !== 0) {
        throw new UserError(
          'model',
          `${settings.where}: rope type "yarn" needs an even part of heads; it is ${dimensions} of ${headSize}.`,
        );
      }
      return { ...plain, ...yarn(settings, { theta, dimensions, original, maxPositions }) };
    case 'proportional':
      if (dimensions === headSize) return { ...plain, inverseFrequencies: proportional(settings, theta, headSize) };
      throw new UserError(
        'model',
        `${settings.where}: rope type "proportional" needs whole heads, of which ${dimensions} of ${headSize} are rotated.`,
      );
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
  const inverseFrequencies = wavelengths(theta, dimensions).map((wavelength) => 1 / wavelength);
  return { inverseFrequencies, attentionFactor: 1, maxPositions: null } as const;
}

/** Cosines and sines [positions, pairs] of so many positions from the first. */
export function rotaryTables(
  { inverseFrequencies, attentionFactor, first = 0 }: RotarySpec,
  positions: number,
): { cos: Float32Array; sin: Float32Array; pairs: number } {
  const pairs = inverseFrequencies.length;
  const cos = new Float32Array(positions * pairs);
  const sin = new Float32Array(positions * pairs);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < pairs; i++) {
      const angle = Math.fround((first + position) * inverseFrequencies[i]!);
      cos[position * pairs + i] = Math.cos(angle) * attentionFactor;
      sin[position * pairs + i] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin, pairs };
}
