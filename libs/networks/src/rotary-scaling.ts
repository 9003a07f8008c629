import type { Fields } from '@sonde/checkpoints';

/** The sizes that scalings depend on. */
export interface ScalingSizes {
  readonly theta: number;
  /** Rotated dimensions of a head. */
  readonly dimensions: number;
  /** Length of the texts of pre-training. */
  readonly original: number;
  readonly maxPositions: number;
}

const { fround } = Math;

/**
 * Radians per turn of each pair, over 2π: θ ^ (2i / dimensions), each step of it in float32 as in transformers. Its last
 * digits count: an angle is as many times off as there are positions before it.
 */
export function wavelengths(theta: number, dimensions: number): Float32Array {
  return Float32Array.from({ length: Math.ceil(dimensions / 2) }, (_, i) => theta ** fround((2 * i) / dimensions));
}

interface Scaled {
  readonly inverseFrequencies: Float32Array;
  readonly attentionFactor: number;
}

/** Llama 3.1's scaling: low frequencies are divided by the factor, high ones kept, those between blended. */
export function llama3(settings: Fields, original: number): (frequency: number) => number {
  const factor = settings.positive('factor');
  const low = settings.positive('low_freq_factor');
  const high = settings.positive('high_freq_factor');
  return (frequency) => {
    const turns = fround(original / fround((2 * Math.PI) / frequency));
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const blend = fround(fround(turns - low) / (high - low));
    return fround(fround(fround(1 - blend) * frequency) / factor) + fround(blend * frequency);
  };
}

/**
 * YaRN (Peng et al., arXiv 2309.00071): pairs that turn often within the original length keep their frequency, those
 * that turn less than once are divided by the factor, and a ramp over pair numbers leads from one to the other.
 */
export function yarn(settings: Fields, { theta, dimensions, original, maxPositions }: ScalingSizes): Scaled {
  const factor = settings.positive('factor', maxPositions / original);
  const pairTurning = (turns: number): number =>
    (dimensions * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const whole = settings.flag('truncate', true);
  const fast = pairTurning(settings.positive('beta_fast', 32));
  const slow = pairTurning(settings.positive('beta_slow', 1));
  const first = Math.max(whole ? Math.floor(fast) : fast, 0);
  const last = Math.min(whole ? Math.ceil(slow) : slow, dimensions - 1);
  const width = first === last ? 0.001 : last - first;
  const inverseFrequencies = wavelengths(theta, dimensions).map((wavelength, i) => {
    const kept = fround(1 - Math.min(1, Math.max(0, fround(fround(i - first) / width))));
    const [scaled, plain] = [fround(1 / fround(factor * wavelength)), fround(1 / wavelength)];
    return fround(scaled * fround(1 - kept)) + fround(plain * kept);
  });
  return { inverseFrequencies, attentionFactor: yarnAttentionFactor(settings, factor) };
}

function yarnAttentionFactor(settings: Fields, factor: number): number {
  if (settings.has('attention_factor')) return settings.positive('attention_factor');
  const temper = (share: number): number => (factor <= 1 ? 1 : 0.1 * share * Math.log(factor) + 1);
  return settings.has('mscale') && settings.has('mscale_all_dim')
    ? temper(settings.positive('mscale')) / temper(settings.positive('mscale_all_dim'))
    : temper(1);
}

/**
 * LongRoPE (Ding et al., arXiv 2402.13753): each pair has its own divisor, one list of them for texts up to the original
 * length and another for longer ones. Here the first is used.
 */
export function longrope(settings: Fields, { theta, dimensions, original, maxPositions }: ScalingSizes): Scaled {
  const divisors = settings.positives('short_factor', Math.ceil(dimensions / 2));
  const factor = settings.positive('factor', maxPositions / original);
  const inverseFrequencies = wavelengths(theta, dimensions).map(
    (wavelength, i) => 1 / fround(fround(divisors[i]!) * wavelength),
  );
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return { inverseFrequencies, attentionFactor: settings.positive('attention_factor', usual) };
}

/** A part of the pairs of whole heads turns, as their places in the head have it; the rest stands still. */
export function proportional(settings: Fields, theta: number, headSize: number): Float32Array {
  const turning = Math.floor(Math.floor(settings.positive('partial_rotary_factor', 1) * headSize) / 2);
  const factor = settings.positive('factor', 1);
  return wavelengths(theta, headSize).map((wavelength, i) => (i < turning ? fround(1 / wavelength) / factor : 0));
}
