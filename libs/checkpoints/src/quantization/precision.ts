import { UserError } from '@sonde/base';
import { float32ToBfloat16, float32ToFloat16, widenBfloat16, widenFloat16 } from '@sonde/tensors';
import {
  COMPUTE_DTYPES,
  type ComputeDtype,
  DTYPES,
  QUANTIZATIONS,
  type Quantization,
  type WeightDtype,
} from './words.ts';

/** How the weights of a model run; null: as they are stored, not quantised, and in float32. */
export interface Precision {
  readonly dtype: WeightDtype | null;
  readonly quantization: Quantization | null;
  readonly compute: ComputeDtype | null;
  /** Whether weights stay as they are stored, and become float32 layer by layer in each run. */
  readonly layerwiseCasting: boolean;
}

/** The same as options name it. */
export interface PrecisionOptions {
  /** What the checkpoint's weights are rounded to before they are used, or quantised; as they are stored by default. */
  readonly dtype?: WeightDtype;
  /** How the weights of the blocks' linear layers are quantised when the model is loaded; not at all by default. */
  readonly quantization?: Quantization;
  /**
   * The type in which linear layers are computed, on a device that has it: inputs, weights and what comes out are rounded
   * to it. float32 by default; everything between the layers is float32 in any case.
   */
  readonly compute?: ComputeDtype | 'float32';
  /**
   * Whether weights stay in memory as they are stored, or quantised, and each layer's become float32 when it runs, in
   * each run: half the memory of a checkpoint in 16 bits, and slower. On the CPU alone; false by default.
   */
  readonly layerwiseCasting?: boolean;
}

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((word) => word === value);
  if (found) return found;
  throw new UserError('model', `${name} is "${value}"; expected one of ${known.join(', ')}.`);
}

/** Checks what the options say of precision. @throws UserError naming the option */
export function checkPrecision(
  options: { readonly [Name in keyof PrecisionOptions]: Name extends 'layerwiseCasting' ? boolean : string },
): Precision {
  const { dtype, quantization, compute = 'float32', layerwiseCasting = false } = options;
  if (layerwiseCasting && compute !== 'float32') {
    throw new UserError('model', 'layerwise_casting is of weights that are computed in float32; leave compute out.');
  }
  return {
    dtype: dtype === undefined ? null : oneOf('dtype', dtype, DTYPES),
    quantization: quantization === undefined ? null : oneOf('quantization', quantization, QUANTIZATIONS),
    compute: compute === 'float32' ? null : oneOf('compute', compute, COMPUTE_DTYPES),
    layerwiseCasting,
  };
}

/** Rounds numbers to a type, to nearest with ties to even; those that float16 cannot hold become infinite. */
export function roundTo(dtype: WeightDtype | null, values: Float32Array): Float32Array {
  if (dtype !== 'float16' && dtype !== 'bfloat16') return values;
  const half = dtype === 'float16';
  const bits = new Uint16Array(values.length);
  if (half) for (let i = 0; i < values.length; i++) bits[i] = float32ToFloat16(values[i]!);
  else for (let i = 0; i < values.length; i++) bits[i] = float32ToBfloat16(values[i]!);
  return half ? widenFloat16(bits) : widenBfloat16(bits);
}

/** Whether all of some weights are finite after rounding; a sum of zeros is not a number where one of them is not. */
export function areFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += values[i]! * 0;
  return zero === 0;
}

/** The first of some weights that is not finite, as it is stored or after rounding, and what it is; null if all are. */
export function findNonFinite(
  stored: Float32Array,
  dtype: WeightDtype | null,
): { readonly at: number; readonly what: string } | null {
  const rounded = roundTo(dtype, stored);
  if (areFinite(rounded)) return null;
  const at = rounded.findIndex((value) => !Number.isFinite(value));
  const value = stored[at]!;
  return { at, what: Number.isFinite(value) ? `${value}, which ${dtype} cannot hold` : `${value}` };
}
