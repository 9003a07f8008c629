import type { ColumnType, Json } from '@sonde/tables';

/** What a column holds. The one place that says it: types, files, the reference page and `sonde steps` follow from it. */
export interface ColumnSpec {
  readonly type: ColumnType;
  /** Its meaning, in Markdown. */
  readonly what: string;
  /** A value may be missing. A table from elsewhere may lack the column; it is then read as nulls. */
  readonly nullable?: true;
  /** A missing value is an empty text or list: CSV does not tell them apart. */
  readonly blank?: true;
  /** All the values that there are. */
  readonly words?: readonly string[];
  /** With `words`: tables from elsewhere may have others. */
  readonly open?: true;
  /** The column is not in every table: when it is. */
  readonly only?: string;
}

/**
 * The columns of a table, in order. A name with a part in angle brackets stands for a family of columns, of which a
 * table has any number: `score.<ATTRIBUTE>` for `score.TOXICITY`, `score.INSULT`, …
 */
export type Columns = Readonly<Record<string, ColumnSpec>>;

/** What a kind of table is. */
export interface TableFormat<C extends Columns = Columns> {
  readonly name: string;
  /** The step kinds that write it. */
  readonly madeBy: readonly string[];
  /** What a row is, in a sentence. */
  readonly what: string;
  readonly columns: C;
  /** What else there is to know, in Markdown: for the reference page. */
  readonly notes?: string;
}

/** Declares a kind of table; its rows are `RowOf` it. */
export function tableFormat<const C extends Columns>(format: TableFormat<C>): TableFormat<C> {
  return format;
}

/** What a kind of tensors artifact is. */
export interface TensorsFormat {
  readonly name: string;
  readonly madeBy: readonly string[];
  readonly what: string;
  /** Its tensors: name, shape and meaning of each. */
  readonly tensors: readonly { readonly name: string; readonly shape: string; readonly what: string }[];
  readonly notes?: string;
  /** The table that says whose each row is. */
  readonly index?: TableFormat;
}

type Values = {
  string: string;
  int32: number;
  int64: number;
  float64: number;
  boolean: boolean;
  'list<int32>': readonly number[];
  json: Json;
};

type Word<S extends ColumnSpec> = S extends { readonly words: readonly (infer W extends string)[] }
  ? S extends { readonly open: true }
    ? W | (string & {})
    : W
  : Values[S['type']];

type Cell<S extends ColumnSpec> = Word<S> | (S extends { readonly nullable: true } ? null : never);

type Key<K> = K extends `${infer Family}.<${string}>` ? Family : K;

type Entry<K, S extends ColumnSpec> = K extends `${string}.<${string}>` ? Readonly<Record<string, Cell<S>>> : Cell<S>;

/**
 * A row with these columns: a property for each, by its name. A family is one property, a value for each of its
 * members: `row.score.TOXICITY`.
 */
export type RowWith<C extends Columns> = {
  readonly [K in keyof C as C[K] extends { readonly only: string } ? never : Key<K>]: Entry<K, C[K]>;
} & {
  readonly [K in keyof C as C[K] extends { readonly only: string } ? Key<K> : never]?: Entry<K, C[K]>;
};

/** A row of a kind of table. */
export type RowOf<F> = F extends TableFormat<infer C> ? RowWith<C> : never;

/** The family that a column's name stands for (`score` of `score.<ATTRIBUTE>`), or undefined for a single column. */
export function familyOf(name: string): string | undefined {
  return /^(.+)\.<.+>$/.exec(name)?.[1];
}
