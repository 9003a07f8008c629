import type { JsonObject, JsonValue } from '@sonde/base';
import type { FieldChange } from './reason.ts';

/**
 * How two fingerprints differ, field by field. An input (`{"input": digest}`) is one field, and so is a list whose
 * length changed: what a person edits, not how it is written down. More than `limit` differences are not counted.
 */
export function differences(was: JsonObject, now: JsonObject, limit = Number.POSITIVE_INFINITY): FieldChange[] {
  const changes: FieldChange[] = [];
  compare(was, now, '', changes, limit);
  return changes;
}

function compare(
  was: JsonValue | undefined,
  now: JsonValue | undefined,
  field: string,
  changes: FieldChange[],
  limit: number,
): void {
  if (changes.length > limit || was === now) return;
  if (isFields(was) && isFields(now)) {
    for (const name of new Set([...Object.keys(was), ...Object.keys(now)])) {
      compare(was[name], now[name], field === '' ? name : `${field}.${name}`, changes, limit);
    }
  } else if (Array.isArray(was) && Array.isArray(now) && was.length === now.length) {
    was.forEach((item, index) => {
      compare(item, now[index], `${field}.${index}`, changes, limit);
    });
  } else if (!sameJson(was, now)) {
    changes.push({ field, ...(was === undefined ? {} : { was }), ...(now === undefined ? {} : { now }) });
  }
}

/** An object whose members are compared one by one: any but an input. */
function isFields(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('input' in value);
}

function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  const [left, right] = [a as JsonObject, b as JsonObject];
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => sameJson(left[name], right[name]));
}
