import { createHash } from 'node:crypto';
import type { JsonValue } from '@sonde/base';
import canonicalize from 'canonicalize';
import type { Axes } from '../graph.ts';
import { type Located, toJson } from './located.ts';
import { shorten } from './words.ts';

/** A value on an axis: equal values have equal keys. */
export interface AxisValue {
  readonly node: Located;
  readonly json: JsonValue;
  /** Canonical JSON. */
  readonly key: string;
  /** What people see in a task's id; no other value of the axis has it. */
  readonly label: string;
}

/** Axis name → value, in the file's order. */
export type AxisValues = ReadonlyMap<string, AxisValue>;

const MAX_LABEL = 80;

export const canonicalKey = (json: JsonValue): string =>
  typeof json === 'object' && json !== null ? (canonicalize(json) ?? '') : JSON.stringify(json);

const digest = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

/** A readable name of one value: text as it is, an object by its `name` or `ref@revision`, else short canonical JSON. */
const readable = (json: JsonValue, key: string): string => {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
    const { name, ref, revision } = json as Record<string, JsonValue>;
    const said = typeof name === 'string' && name !== '' ? name : ref;
    const which = said === ref && typeof revision === 'string' ? `@${revision}` : '';
    if (typeof said === 'string' && said !== '') return readable(said + which, JSON.stringify(said + which));
  }
  // Quoted where it would read as another value, or as part of the id around it.
  const plain =
    typeof json === 'string' && !/[\s,=[\]"\p{C}]/u.test(json) && !/^(-?[0-9.].*|true|false|null|)$/.test(json);
  const text = plain ? json : key;
  return [...text].length <= MAX_LABEL ? text : `${shorten(text, 40)}#${digest(key)}`;
};

/** Makes axis values; the same value of the same axis is the same object. */
export interface AxisValueMaker {
  make(axis: string, node: Located): AxisValue;
  /** Called once all values are known: tells apart different values with the same label. */
  settle(): void;
}

export const createAxisValues = (): AxisValueMaker => {
  const known = new Map<string, Map<string, { node: Located; json: JsonValue; key: string; label: string }>>();
  return {
    make: (axis, node) => {
      const json = toJson(node);
      const key = canonicalKey(json);
      const values = known.get(axis) ?? new Map();
      known.set(axis, values);
      const value = values.get(key) ?? { node, json, key, label: readable(json, key) };
      values.set(key, value);
      return value;
    },
    settle: () => {
      for (const values of known.values()) {
        const counts = new Map<string, number>();
        for (const { label } of values.values()) counts.set(label, (counts.get(label) ?? 0) + 1);
        for (const value of values.values()) if (counts.get(value.label)! > 1) value.label += `#${digest(value.key)}`;
      }
    },
  };
};

export const axesJson = (axes: AxisValues): Axes => {
  const object: Record<string, JsonValue> = {};
  for (const [name, value] of axes) object[name] = value.json;
  return object;
};

/** `step[axis=value,other=value]`. */
export const taskId = (step: string, axes: AxisValues): string =>
  axes.size === 0 ? step : `${step}[${[...axes].map(([name, value]) => `${name}=${value.label}`).join(',')}]`;

/** Whether the two agree on every axis that both have. */
export const agree = (a: AxisValues, b: AxisValues): boolean => {
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other !== undefined && other.key !== value.key) return false;
  }
  return true;
};

/** `model=a, layer=2`, for messages. */
export const describeAxes = (axes: AxisValues): string =>
  [...axes].map(([name, value]) => `${name}=${value.label}`).join(', ');
