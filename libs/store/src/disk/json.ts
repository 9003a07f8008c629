import type { JsonObject, JsonValue } from '@sonde/base';
import canonicalize from 'canonicalize';
import { digestOf, type Key } from './digest.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The one text of a JSON value, whatever the order of its fields: RFC 8785. Throws a TypeError that names the path of
 * anything that is not JSON: NaN, an infinity, undefined, half of a surrogate pair, a Date, a cycle.
 */
export function canonicalJson(value: JsonValue): string {
  check(value, '$', []);
  return serialize(value);
}

/** As `canonicalJson`, for what JSON.parse gave. */
export function serialize(value: JsonValue): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('$ is undefined, which is not JSON.');
  return text;
}

/** The key of a task: the digest of its fingerprint's canonical JSON. */
export function keyOf(fingerprint: JsonObject): Key {
  return digestOf(canonicalJson(fingerprint));
}

function check(value: unknown, path: string, above: readonly object[]): void {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${path} is ${value}, which JSON cannot hold.`);
    return;
  }
  if (typeof value === 'string') {
    if (LONE_SURROGATE.test(value))
      throw new TypeError(`${path} is text with half of a surrogate pair, not valid Unicode.`);
    return;
  }
  if (typeof value !== 'object') throw new TypeError(`${path} is ${describe(value)}, which JSON cannot hold.`);
  if (above.includes(value)) throw new TypeError(`${path} contains itself.`);
  const inside = [...above, value];
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) check(value[index], `${path}[${index}]`, inside);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`${path} is a ${value.constructor.name}, not a plain object.`);
  }
  for (const [name, item] of Object.entries(value)) {
    if (LONE_SURROGATE.test(name)) throw new TypeError(`${path} has a field whose name is not valid Unicode.`);
    check(item, /^[A-Za-z_][\w-]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`, inside);
  }
}

function describe(value: unknown): string {
  return value === undefined ? 'undefined' : `a ${typeof value}`;
}
