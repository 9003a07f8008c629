import { createHash } from 'node:crypto';
import type { JsonValue } from '@sonde/base';
import canonicalize from 'canonicalize';
import type { AxisValue } from '../values/axes.ts';
import { type Located, toJson } from '../values/located.ts';
import { shorten } from '../values/words.ts';

/** A value on an axis with the place where it is said. */
export interface LocatedAxisValue extends AxisValue {
  readonly node: Located;
}

const MAX_LABEL = 80;

export function canonicalKey(json: JsonValue): string {
  return typeof json === 'object' && json !== null ? (canonicalize(json) ?? '') : JSON.stringify(json);
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

/** A readable name of one value: text as it is, an object by its `name` or `ref@revision`, else short canonical JSON. */
function readable(json: JsonValue, key: string): string {
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
  // A long text is not taken apart only to be counted.
  const short = text.length <= 2 * MAX_LABEL && [...text].length <= MAX_LABEL;
  return short ? text : `${shorten(text, 40)}#${digest(key)}`;
}

/** Makes axis values; the same value of the same axis is the same object. */
export interface AxisValueMaker {
  make(axis: string, node: Located): LocatedAxisValue;
  /** Called once all values are known: tells apart different values with the same label. */
  settle(): void;
}

export function createAxisValues(): AxisValueMaker {
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
}
