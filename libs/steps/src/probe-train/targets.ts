import type { ProbeTarget } from '@sonde/probing';

/** The class that a target tells from the others. */
export interface ClassOf {
  readonly value: string;
  /** Targets of one label are its classes, each against the rest: what they say is scored together. */
  readonly label: string;
}

/** A target as the step made it. */
export interface StepTarget extends ProbeTarget {
  /** Undefined where the target is a number. */
  readonly ofClass: ClassOf | undefined;
  /** What parts low values from high ones for the mean-difference direction. */
  readonly threshold: number;
}

/** A score cut in two: 1 at or above the threshold. */
export function cutAt(values: Float64Array, threshold: number): Float64Array {
  return values.map((value) => (Number.isNaN(value) ? value : value >= threshold ? 1 : 0));
}

export function meanOf(values: Float64Array): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value / known.length, 0);
}
