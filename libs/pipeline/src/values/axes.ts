import type { JsonValue } from '@sonde/base';
import type { Axes } from '../graph.ts';

/** A value on an axis: equal values have equal keys. */
export interface AxisValue {
  readonly json: JsonValue;
  /** Canonical JSON. */
  readonly key: string;
  /** What people see in a task's id; no other value of the axis has it. */
  readonly label: string;
}

/** Axis name → value, in the file's order. */
export type AxisValues = ReadonlyMap<string, AxisValue>;

export function axesJson(axes: AxisValues): Axes {
  const object: Record<string, JsonValue> = {};
  for (const [name, value] of axes) object[name] = value.json;
  return object;
}

/** `step[axis=value,other=value]`. */
export function taskId(step: string, axes: AxisValues): string {
  return axes.size === 0 ? step : `${step}[${[...axes].map(([name, value]) => `${name}=${value.label}`).join(',')}]`;
}

/** Whether the two agree on every axis that both have. */
export function agree(a: AxisValues, b: AxisValues): boolean {
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other !== undefined && other.key !== value.key) return false;
  }
  return true;
}

/** `model=a, layer=2`, for messages. */
export function describeAxes(axes: AxisValues): string {
  return [...axes].map(([name, value]) => `${name}=${value.label}`).join(', ');
}
