import { columnOf } from './build.ts';
import { type Column, isMissingWord, numberIn, type Table, type Value } from './table.ts';

/** Whether a value of a column stands for a missing one. */
export type IsMissing = (column: string, value: unknown) => boolean;

/** The table with null in the place of values that stand for it. */
export function withoutMissing(table: Table, isMissing: IsMissing): Table {
  const columns = table.columns.map(({ name, type, values }) => {
    const known = Array.from(values as ArrayLike<Value>, (value) => (isMissing(name, value) ? null : value));
    return columnOf(name, type, known);
  });
  return { ...table, columns };
}

/** What a file writes where it has no value: texts as they stand there, and numbers however they are written. */
export type MissingWords = readonly (string | number)[];

/** Whether a value of a file is one of these words. */
export function missingTest(words: MissingWords): (value: unknown) => boolean {
  const texts = new Set(words.filter((word) => typeof word === 'string'));
  const numbers = new Set(words.map((word) => (typeof word === 'string' ? numberIn(word) : word)));
  numbers.delete(undefined);
  return (value) => {
    if (typeof value === 'number' || typeof value === 'bigint') return numbers.has(Number(value));
    if (typeof value !== 'string') return false;
    if (texts.has(value.trim())) return true;
    const number = numbers.size === 0 ? undefined : numberIn(value);
    return number !== undefined && numbers.has(number);
  };
}

/** A value that is likely to stand for none, with the column and the first row that has it, and how many do. */
export interface Suspect {
  readonly column: string;
  readonly value: string | number;
  readonly row: number;
  readonly count: number;
  /** Where the column holds texts, in which the word may be one of them. */
  readonly amongTexts: boolean;
}

/** Those that programs write and people hardly ever: in a column of texts, too, they are no text. */
const PROGRAMS_WORD = /^(?:NaN|nan|NA|#?N\/A|<NA>|NaT|null|NULL|None)$/;
const BOOLEAN = /^\s*(?:true|false)\s*$/i;

/**
 * What in a table is likely to stand for a missing value: a word for it in a column whose other values are numbers or
 * true and false, a program's word for it among texts, a number such as −999 that lies apart from all others.
 */
export function suspectsIn({ columns }: Table): Suspect[] {
  return columns.flatMap((column) => (column.type === 'string' ? wordsIn(column) : standInsIn(column)));
}

function wordsIn({ name, values }: Column & { readonly type: 'string' }): Suspect[] {
  const numbers = new Array<number | null>(values.length).fill(null);
  const found = new Map<string, { row: number; count: number }>();
  let others = 0;
  let texts = 0;
  for (const [row, value] of values.entries()) {
    if (value === null) continue;
    const word = value.trim();
    if (word !== '' && isMissingWord(word)) {
      const seen = found.get(word);
      if (seen === undefined) found.set(word, { row, count: 1 });
      else seen.count++;
      continue;
    }
    others++;
    const number = numberIn(value);
    if (number !== undefined) numbers[row] = number;
    else if (!BOOLEAN.test(value)) texts++;
  }
  if (others === 0) return [];
  const amongTexts = texts > 0;
  const words = [...found]
    .filter(([word]) => !amongTexts || PROGRAMS_WORD.test(word))
    .map(([value, { row, count }]) => ({ column: name, value, row, count, amongTexts }));
  return amongTexts ? words : [...words, ...standInsIn({ name, type: 'float64', values: numbers })];
}

/** Numbers by which other programs say that there is no value. */
const STAND_INS: ReadonlySet<number> = new Set([-9, -99, -999, -9999, -99_999]);

/**
 * The least value of a column of numbers stands for none if it is one of those that are customary, and apart from all others:
 * these are no negative numbers, or smaller by a digit.
 */
function standInsIn({ name, type, values }: Column): Suspect[] {
  if (type !== 'int32' && type !== 'int64' && type !== 'float64') return [];
  const least = leastOf(values as ArrayLike<number | bigint | null>);
  if (!STAND_INS.has(least)) return [];
  let [row, count] = [-1, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    const number = Number(value);
    if (number === least) {
      if (count++ === 0) row = i;
    } else if (number < 0 && (least > -99 || Math.abs(number) > Math.abs(least) / 10)) return [];
  }
  return [{ column: name, value: least, row, count, amongTexts: false }];
}

function leastOf(values: ArrayLike<number | bigint | null>): number {
  let least = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== null && value !== undefined && Number(value) < least) least = Number(value);
  }
  return least;
}
