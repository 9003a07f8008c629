import { UserError } from '@sonde/base';
import { holds, isBigint } from './json-exact.ts';
import {
  type Column,
  type ColumnType,
  isInt32,
  isMissingWord,
  type Json,
  MISSING_VALUE,
  show,
  type Table,
  type Value,
} from './table.ts';

/** Where a value came from, for messages: "file.jsonl:12" or "row 3". */
export type Describe = (at: number) => string;

type ColumnDraft = { name: string; type: ColumnType | null; typedAt: number; sample: Value; values: Value[] };

export type TableBuilder = {
  /** Appends a row of (column name, value); columns it lacks are null. `at` is passed to `describe` for messages. */
  addRow(cells: Iterable<readonly [name: string, value: unknown]>, at: number): void;
  readonly rowCount: number;
  /** What `describe` says of a row that was added. */
  placeOf(row: number): string;
  finish(): Table;
};

/**
 * Collects rows into columns and infers their types: whole numbers are int32, wider ones int64, other numbers
 * float64, lists of whole numbers list<int32>, other nested values json. Numbers widen; texts, numbers and
 * booleans never mix.
 */
export function tableBuilder(describe: Describe): TableBuilder {
  const drafts = new Map<string, ColumnDraft>();
  const ats: number[] = [];
  let rowCount = 0;
  return {
    addRow(cells, at) {
      for (const [name, value] of cells) {
        let draft = drafts.get(name);
        if (!draft) {
          draft = { name, type: null, typedAt: at, sample: null, values: [] };
          drafts.set(name, draft);
        }
        if (draft.values.length > rowCount)
          throw new UserError('table', `${describe(at)}: column "${name}" appears twice in a row.`);
        while (draft.values.length < rowCount) draft.values.push(null);
        addValue(draft, value, at, describe);
      }
      rowCount++;
      ats.push(at);
    },
    get rowCount() {
      return rowCount;
    },
    placeOf: (row) => describe(ats[row] as number),
    finish() {
      const columns = [...drafts.values()].map((draft) => {
        while (draft.values.length < rowCount) draft.values.push(null);
        return columnOf(draft.name, draft.type ?? 'string', draft.values);
      });
      return { columns, rowCount };
    },
  };
}

function addValue(draft: ColumnDraft, value: unknown, at: number, describe: Describe): void {
  if (value === null || value === undefined) {
    draft.values.push(null);
    return;
  }
  const type = typeOf(value);
  if (type === undefined) {
    const what = Number.isNaN(value)
      ? 'NaN; a missing value must be null'
      : typeof value === 'bigint'
        ? `${value}, which is beyond 64 bits; write it as text, in quotes`
        : `${show(value)}, which no column can hold`;
    throw new UserError('table', `${describe(at)}: column "${draft.name}" is ${what}.`);
  }
  const widened = draft.type === null ? type : widen(draft.type, type);
  if (widened === undefined) {
    throw new UserError(
      'table',
      `${describe(at)}: column "${draft.name}" is ${show(value)} (${type}), but ${show(draft.sample)} (${draft.type}) at ${describe(draft.typedAt)}; one column must hold one type.`,
      [value, draft.sample].some((each) => typeof each === 'string' && isMissingWord(each)) ? MISSING_VALUE : undefined,
    );
  }
  const known = value as Value;
  requireExact(draft, known, at, describe);
  if (draft.type === null) {
    draft.typedAt = at;
    draft.sample = known;
  }
  draft.type = widened;
  draft.values.push(known);
}

/** Refuses what a column of its type would change: half a character, a long integer among floats or in a list. */
function requireExact(draft: ColumnDraft, value: Value, at: number, describe: Describe): void {
  const place = `${describe(at)}: column "${draft.name}"`;
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) {
    throw new UserError(
      'table',
      `${place} holds half of a surrogate pair (${JSON.stringify(value.match(/\p{Surrogate}/u)?.[0])}), which is no text.`,
      'The text was cut inside a character; replace the half, for example by U+FFFD.',
    );
  }
  if (typeof value === 'object' && value !== null && holds(value, isBigint)) {
    throw new UserError(
      'table',
      `${place} holds a whole number beyond ±(2^53 − 1) in a list; write it as text, in quotes.`,
    );
  }
}

function typeOf(value: unknown): ColumnType | undefined {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? 'int64' : undefined;
    case 'number':
      if (Number.isNaN(value)) return undefined;
      if (isInt32(value) && !Object.is(value, -0)) return 'int32';
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'int64' : 'float64';
    case 'object':
      if (value instanceof Int32Array || (Array.isArray(value) && value.every(isInt32))) return 'list<int32>';
      return 'json';
    default:
      return undefined;
  }
}

const NUMERIC: readonly ColumnType[] = ['int32', 'int64', 'float64'];
const NESTED: readonly ColumnType[] = ['list<int32>', 'json'];

/** The narrowest type that holds both, or undefined where there is none. */
export function widen(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (a === b) return a;
  for (const ladder of [NUMERIC, NESTED]) {
    const reached = Math.max(ladder.indexOf(a), ladder.indexOf(b));
    if (ladder.includes(a) && ladder.includes(b)) return ladder[reached];
  }
  return undefined;
}

/** Makes a column of values that were already checked: typed arrays where nothing is missing. */
export function columnOf(name: string, type: ColumnType, values: readonly Value[]): Column {
  const complete = !values.includes(null);
  switch (type) {
    case 'int32':
      return { name, type, values: complete ? Int32Array.from(values as number[]) : (values as (number | null)[]) };
    case 'float64': {
      const numbers = values.map((value) => (value === null ? null : toFloat(name, value)));
      return { name, type, values: complete ? Float64Array.from(numbers as number[]) : numbers };
    }
    case 'int64': {
      const whole = values.map((value) => (value === null ? null : BigInt(value as number | bigint)));
      return { name, type, values: complete ? BigInt64Array.from(whole as bigint[]) : whole };
    }
    case 'json':
      return { name, type, values: values.map((value) => (value instanceof Int32Array ? [...value] : value) as Json) };
    case 'string':
      return { name, type, values: values as (string | null)[] };
    case 'boolean':
      return { name, type, values: values as (boolean | null)[] };
    case 'list<int32>':
      return { name, type, values: values as (number[] | Int32Array | null)[] };
  }
}

function toFloat(name: string, value: Value): number {
  const number = Number(value);
  if (typeof value !== 'bigint' || BigInt(number) === value) return number;
  throw new UserError(
    'table',
    `Column "${name}" holds ${value} among numbers with fractions, and no float is exactly that.`,
    'If these are ids, write them as text, in quotes.',
  );
}

/** Half a surrogate pair is not text and no UTF-8 file can hold it: it becomes U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
