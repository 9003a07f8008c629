import type { JsonValue } from '@sonde/base';
import { digestOf } from './digest.ts';
import { serialize } from './json.ts';

const PREFIX = '{"check":"';
const MIDDLE = '","record":';
const BODY = PREFIX.length + 71 + MIDDLE.length;

/** One line of JSON that shows any change to itself: `{"check":"sha256:…","record":…}`, the digest of what `record` is. */
export function checkedText(record: JsonValue): string {
  const body = serialize(record);
  return `${PREFIX}${digestOf(body)}${MIDDLE}${body}}\n`;
}

/** The record of a checked text; undefined where a byte is missing, added or changed. */
export function parseChecked(text: string): unknown {
  if (!text.startsWith(PREFIX) || !text.startsWith(MIDDLE, BODY - MIDDLE.length) || !text.endsWith('}\n')) {
    return undefined;
  }
  const body = text.slice(BODY, -2);
  if (digestOf(body) !== text.slice(PREFIX.length, PREFIX.length + 71)) return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
