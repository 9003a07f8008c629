/** Numbers of one precision: what is stored is rounded to it, sums run in float64. */
export type Floats = Float32Array | Float64Array;

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Weight decay beside the gradient's step (AdamW) instead of in the gradient. */
  readonly decoupled: boolean;
}

/** The defaults of the published procedure. */
export const ADAM: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false };

/** Parameters with Adam's two moments. */
export interface AdamState<Array extends Floats = Floats> {
  readonly parameters: Array;
  readonly first: Array;
  readonly second: Array;
}

export function adamState<Array extends Floats>(parameters: Array): AdamState<Array> {
  return { parameters, first: parameters.slice().fill(0) as Array, second: parameters.slice().fill(0) as Array };
}

/**
 * One step of Adam (Kingma and Ba 2015) on parameters [from, to), or of AdamW (Loshchilov and Hutter 2019).
 *
 * @param step counts from 1
 */
export function adamStep(
  { parameters, first, second }: AdamState,
  gradient: Floats,
  [from, to]: readonly [number, number],
  step: number,
  rate: number,
  options: AdamOptions,
): void {
  const { beta1, beta2, epsilon, weightDecay, decoupled } = options;
  const size = rate / (1 - beta1 ** step);
  const root = Math.sqrt(1 - beta2 ** step);
  const shrink = decoupled ? 1 - rate * weightDecay : 1;
  const added = decoupled ? 0 : weightDecay;
  for (let j = from; j < to; j++) {
    const value = parameters[j]!;
    const g = gradient[j]! + added * value;
    const m = beta1 * first[j]! + (1 - beta1) * g;
    const v = beta2 * second[j]! + (1 - beta2) * g * g;
    first[j] = m;
    second[j] = v;
    parameters[j] = shrink * value - (size * m) / (Math.sqrt(v) / root + epsilon);
  }
}

/** The learning rate before step `step` (from 0): rises linearly over the warm-up, then falls linearly to 0. */
export function linearSchedule(step: number, warmup: number, total: number, rate: number): number {
  if (step < warmup) return (rate * step) / Math.max(1, warmup);
  return rate * Math.max(0, (total - step) / Math.max(1, total - warmup));
}
