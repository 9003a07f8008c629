import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { SCORE_PREFIX } from '@sonde/formats';
import { type Column, column, floatColumn, hasColumn, readTable, type Table } from '@sonde/tables';
import { oneTextARow } from '../shared/texts.ts';
import type { Config } from './kind.ts';

/** RealToxicityPrompts nests the prompt's text and its Perspective scores, in lower case, under `prompt`. */
const NESTED_TEXT = 'prompt.text';
const NESTED_SCORE =
  /^prompt\.(toxicity|severe_toxicity|profanity|threat|sexually_explicit|identity_attack|insult|flirtation)$/;

const ID = 'prompt_id';

/** A column of scores, by attribute. */
export interface SourceScores {
  readonly attribute: string;
  /** NaN where there is none. */
  readonly values: Float64Array;
}

/** A table of prompts, as people bring it. */
export interface Source {
  readonly table: Table;
  readonly texts: readonly (string | null)[];
  /** Names each row, and no two alike. */
  readonly ids: readonly string[];
  /** By what a sample is drawn, a text a row: what stays the same when rows are added. */
  readonly drawnBy: readonly string[];
  readonly scores: readonly SourceScores[];
  /** Columns that have a place of their own in the sample. */
  readonly taken: ReadonlySet<string>;
}

/** Reads the source. @throws UserError for what would go into an experiment as something else than it is */
export async function readSource(config: Config, log: RunContext['log']): Promise<Source> {
  const table = await readTable(config.source.path);
  const textName = textColumn(table, config.text);
  const texts = oneTextARow(table, textName, 'the source');
  refuseDictionaries(texts, textName);
  const scoreNames = table.columns.map(({ name }) => name).filter((name) => attributeOf(name) !== undefined);
  const scores = scoreNames.map((name) => ({ attribute: attributeOf(name)!, values: scoresOf(table, name, log) }));
  sayWhatIsNotRead(table, scores.length > 0, log);
  const own = config.id ?? (hasColumn(table, ID) ? ID : undefined);
  const ids = own === undefined ? madeIds(texts) : idsOf(table, own);
  return {
    table,
    texts,
    ids,
    drawnBy: own === undefined ? drawnByText(texts) : ids,
    scores,
    taken: new Set([textName, ...scoreNames, ...(own === ID ? [ID] : [])]),
  };
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function textColumn(table: Table, asked: string | undefined): string {
  if (asked !== undefined) return asked;
  const found = ['text', NESTED_TEXT, 'prompt'].find((name) => hasColumn(table, name));
  if (found !== undefined) return found;
  throw new UserError(
    'input',
    'the source has no column of prompts that could be found by itself',
    `Name it with \`text:\`. The columns are ${names(table)}.`,
  );
}

function names(table: Table): string {
  return table.columns.map(({ name }) => name).join(', ');
}

function attributeOf(name: string): string | undefined {
  const nested = NESTED_SCORE.exec(name)?.[1]?.toUpperCase();
  return nested ?? (name.startsWith(SCORE_PREFIX) ? name.slice(SCORE_PREFIX.length) : undefined);
}

/** How Python writes a dictionary: what `to_csv` of pandas makes of nested fields. */
const DICTIONARY = /^\s*\{'\w+': .*\}\s*$/s;

function refuseDictionaries(texts: readonly (string | null)[], name: string): void {
  const present = texts.filter((text) => text !== null);
  if (present.length === 0 || !present.every((text) => DICTIONARY.test(text))) return;
  throw new UserError(
    'input',
    `the column ${name} of the source holds Python dictionaries written as text, not prompts: ${present[0]!.trim().slice(0, 60)}…`,
    'A CSV file cannot hold nested fields. Write JSON Lines (`df.to_json("prompts.jsonl", orient="records", lines=True)`), or take the fields apart first (`pandas.json_normalize`).',
  );
}

/** Numbers that stand for a missing value where a score would be. */
const MISSING: ReadonlySet<number> = new Set([-1, -9, -99, -999, -9999, 99, 999, 9999]);

const CLASSES =
  'Scores are numbers from 0 to 1: write two classes as 1 and 0, and of more classes a column of 1 and 0 each. Probes for classes are not available in this version.';

function scoresOf(table: Table, name: string, log: RunContext['log']): Float64Array {
  const found = column(table, name);
  if (isOfWords(found)) {
    throw new UserError(
      'input',
      `the column ${name} of the source holds texts (${examples(found)}), not scores`,
      CLASSES,
    );
  }
  const values = floatColumn(table, name);
  const outside = values.filter((value) => value < 0 || value > 1);
  const [first] = outside;
  if (first === undefined) return values;
  if (MISSING.has(first) && outside.every((value) => value === first)) {
    throw new UserError(
      'input',
      `${outside.length} of ${values.length} values of ${name} are ${first}, which stands for a missing value and is no score from 0 to 1`,
      'Leave a missing score empty (CSV) or write null (JSON, Parquet); or take those rows out with table/filter.',
    );
  }
  log('warning', `${outside.length} values of ${name} lie outside 0 to 1, the range of a score`);
  return values;
}

/** Whether a column holds texts none of which is a number. */
function isOfWords(found: Column): boolean {
  if (found.type !== 'string') return false;
  const present = found.values.filter((value) => value !== null && value.trim() !== '');
  return present.length > 0 && present.every((value) => Number.isNaN(Number(value)));
}

function examples(found: Column): string {
  const distinct = [...new Set(Array.from(found.values as ArrayLike<unknown>).filter((value) => value !== null))];
  return distinct
    .slice(0, 2)
    .map((value) => JSON.stringify(value))
    .join(', ');
}

const LABEL = /^(labels?|class(es)?|categor(y|ies)|targets?|y|is_toxic|toxic(ity)?|scores?|ratings?)$/i;
const SPLIT = /^(split|subset|partition|fold)$/i;

/** Says what a person may have brought in the belief that it is read. */
function sayWhatIsNotRead(table: Table, hasScores: boolean, log: RunContext['log']): void {
  const label = hasScores ? undefined : table.columns.find(({ name }) => LABEL.test(name));
  if (label !== undefined) {
    log(
      'warning',
      isOfWords(label)
        ? `the column ${label.name} of the source is kept, and no step reads it: it holds texts (${examples(label)}). ${CLASSES}`
        : `the column ${label.name} of the source is kept, and no step reads it: scores are columns named \`score.<ATTRIBUTE>\`. Rename it with table/import: \`rename: { ${label.name}: score.LABEL }\`.`,
    );
  }
  const split = table.columns.find(({ name }) => SPLIT.test(name));
  if (split !== undefined) {
    log(
      'warning',
      `the column ${split.name} of the source is kept, and no step reads it: probe/train draws its own folds. Take a part of the rows with table/filter.`,
    );
  }
}

function idsOf(table: Table, name: string): string[] {
  if (!hasColumn(table, name))
    throw new UserError('input', `the source has no column ${name} of ids`, `The columns are ${names(table)}.`);
  const found = column(table, name);
  if (!['string', 'int32', 'int64'].includes(found.type)) {
    throw new UserError(
      'ids',
      `the column ${name} of the source is of type ${found.type}; ids are texts or whole numbers`,
    );
  }
  const ids = Array.from(found.values as ArrayLike<unknown>, (value, row) => {
    if (value === null || value === '')
      throw new UserError('ids', `row ${row} of the source, counted from 0, has no id in its column ${name}`);
    return String(value);
  });
  const rowsOf = new Map<string, number[]>();
  for (const [row, id] of ids.entries()) {
    const rows = rowsOf.get(id);
    if (rows === undefined) rowsOf.set(id, [row]);
    else rows.push(row);
  }
  const twice = [...rowsOf].filter(([, rows]) => rows.length > 1);
  if (twice.length > 0) {
    const some = twice.slice(0, 2).map(([id, rows]) => `${id} (rows ${rows.slice(0, 3).join(', ')})`);
    throw new UserError(
      'ids',
      `${twice.length} of ${rowsOf.size} ids in the column ${name} of the source stand in more than one row, counted from 0: ${some.join(', ')}`,
      'Ids tell prompts apart in every later step: make them differ, or name another column with `id:`.',
    );
  }
  return ids;
}

/** A hash of the text; from the second row of the same text on, with its number. */
function madeIds(texts: readonly (string | null)[]): string[] {
  return numbered(texts, (text) => digest(text).slice(0, 16), '-');
}

function drawnByText(texts: readonly (string | null)[]): string[] {
  return numbered(texts, (text) => text, '\n');
}

function numbered(texts: readonly (string | null)[], nameOf: (text: string) => string, before: string): string[] {
  const counts = new Map<string, number>();
  return texts.map((value) => {
    const text = value ?? '';
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    return count === 1 ? nameOf(text) : `${nameOf(text)}${before}${count}`;
  });
}
