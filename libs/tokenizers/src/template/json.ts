import { TemplateError } from './errors.ts';
import { Dict, isList, repr, Tuple, typeName, type Value } from './values.ts';

export interface JsonOptions {
  /** null: on one line. */
  readonly indent: string | null;
  readonly ensureAscii: boolean;
  readonly sortKeys: boolean;
  readonly separators: readonly [string, string];
}

/** Python's `json.dumps`. @throws TemplateError for what has no form in JSON */
export function dumps(value: Value, options: JsonOptions, depth = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return writtenNumber(value);
  if (typeof value === 'string') return quoted(value, options.ensureAscii);
  const [between, afterKey] = options.separators;
  const wrap = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close;
    if (options.indent === null) return open + parts.join(between) + close;
    const [outer, inner] = [depth, depth + 1].map((level) => `\n${options.indent!.repeat(level)}`);
    return open + inner + parts.join(between + inner) + outer + close;
  };
  const within = (item: Value): string => dumps(item, options, depth + 1);
  if (isList(value)) return wrap('[', value.map(within), ']');
  if (value instanceof Tuple) return wrap('[', value.items.map(within), ']');
  if (value instanceof Dict) {
    const entries = [...value.entries.values()].map(([key, item]): [string, Value] => [writtenKey(key), item]);
    if (options.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return wrap(
      '{',
      entries.map(([key, item]) => quoted(key, options.ensureAscii) + afterKey + within(item)),
      '}',
    );
  }
  throw new TemplateError(`a ${typeName(value)} has no form in JSON`);
}

function writtenNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? repr(value) : value > 0 ? 'Infinity' : '-Infinity';
}

function writtenKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean' || typeof key === 'bigint') return String(key);
  if (typeof key === 'number') return writtenNumber(key);
  throw new TemplateError(`a ${typeName(key)} cannot be a key in JSON`);
}

function quoted(text: string, ensureAscii: boolean): string {
  const json = JSON.stringify(text);
  if (!ensureAscii) return json;
  return json.replace(/[\x7f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
