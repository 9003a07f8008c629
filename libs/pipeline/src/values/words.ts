import type { JsonValue } from '@sonde/base';
import { distance } from 'fastest-levenshtein';

/** Names of pipelines, steps, parameters, axes and outputs. */
export const NAME = /^[a-z][a-z0-9_-]*$/;

/** What is longer was not typed. */
const LONGEST_TYPO = 200;

/** How many edits a typo may have: one in three letters, two in four or five (`wiht`), none in one letter. */
function editsIn(written: string): number {
  const { length } = written;
  if (length < 2) return 0;
  return length === 4 || length === 5 ? 2 : Math.max(1, Math.floor(length / 3));
}

/** The nearest of `names`, if near enough to be what was meant: the one limit of every suggestion. */
export function nearest(written: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  if (written.length > LONGEST_TYPO) return undefined;
  let least = editsIn(written) + 1;
  for (const name of names) {
    // As many edits as they differ in length, at least.
    if (Math.abs(name.length - written.length) >= least) continue;
    const far = distance(written.toLowerCase(), name.toLowerCase());
    if (far < least) {
      best = name;
      least = far;
    }
  }
  return best;
}

/** "did you mean `count`?", or what there is. */
export function suggest(written: string, names: Iterable<string>, what: string): string {
  const list = [...names];
  const near = nearest(written, list);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  return list.length === 0 ? `there are no ${what}` : `${what}: ${listed(list)}`;
}

/** "a, b and 3 more". */
export function listed(names: readonly string[], most = 12): string {
  if (names.length <= most) return names.map((name) => `\`${name}\``).join(', ');
  return `${names
    .slice(0, most)
    .map((name) => `\`${name}\``)
    .join(', ')} and ${names.length - most} more`;
}

export function shorten(text: string, most = 60): string {
  if (text.length <= most) return text;
  const points = [...text.slice(0, most * 2 + 2)];
  return points.length <= most ? text : `${points.slice(0, most - 1).join('')}…`;
}

/** The JSON Schema name of a value's type. */
export function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'object') return 'map';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** `string "ten"`, `integer 3`, `list`: what was found, in a message. */
export function describeValue(value: JsonValue): string {
  const type = typeName(value);
  if (value === null || typeof value === 'object') return type;
  // No more of a long text is looked at than can be shown.
  return `${type} ${shorten(JSON.stringify(typeof value === 'string' ? value.slice(0, 200) : value))}`;
}

/** "a", "a or b", "a, b or c". */
export function either(words: readonly string[]): string {
  return words.length <= 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
