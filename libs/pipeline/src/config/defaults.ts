import type { Plain } from './artifact.ts';
import { defaultsOf, type Place } from './schema-walk.ts';
import type { Schema } from './validators.ts';

/** Fills in, in place, what the schemas of a place give by default, and so on inside. */
export function applyDefaults(value: Plain, place: Place, root: Schema): void {
  if (typeof value !== 'object' || value === null || place.schemas.length === 0) return;
  if (Array.isArray(value)) {
    value.forEach((item, at) => {
      applyDefaults(item, place.item(at, item), root);
    });
    return;
  }
  addDefaults(value, place, root);
  for (const [key, item] of Object.entries(value)) applyDefaults(item, place.key(key, item), root);
}

/** Adds, in place, the keys of this map that are absent and have a default. */
export function addDefaults(map: Record<string, Plain>, place: Place, root: Schema): void {
  for (const [key, fallback] of defaultsOf(place, root)) {
    if (Object.hasOwn(map, key)) continue;
    map[key] = (typeof fallback === 'object' ? structuredClone(fallback) : fallback) as Plain;
  }
}
