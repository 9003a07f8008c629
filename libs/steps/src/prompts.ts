import { UserError } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { floatColumn, hasColumn, readTable, stringColumn, type Table } from '@sonde/tables';

/** A table of prompts, as `prompts/sample` writes it. */
export interface Prompts {
  readonly table: Table;
  readonly ids: readonly string[];
  readonly texts: readonly string[];
  /** Row of each prompt id. */
  readonly rowOf: ReadonlyMap<string, number>;
}

/** A text column without missing values. */
export const fullTextColumn = (table: Table, name: string, what: string): readonly string[] => {
  const values = stringColumn(table, name);
  const missing = values.indexOf(null);
  if (missing >= 0) throw new UserError('input', `${what}: row ${missing} has no \`${name}\``);
  return values as readonly string[];
};

export const SCORE_PREFIX = 'score.';

/** The attributes that a table has scores for, in its column order. */
export const attributesOf = (table: Table): string[] =>
  table.columns.filter(({ name }) => name.startsWith(SCORE_PREFIX)).map(({ name }) => name.slice(SCORE_PREFIX.length));

/** The attributes asked for; all that the table has by default. Missing ones are an error that names them. */
export const chooseAttributes = (
  table: Table,
  asked: readonly string[] | undefined,
  what: string,
): readonly string[] => {
  const known = attributesOf(table);
  for (const attribute of asked ?? []) {
    if (!known.includes(attribute)) {
      throw new UserError('input', `${what} has no scores of ${attribute}`, `It has: ${known.join(', ') || 'none'}.`);
    }
  }
  return asked ?? known;
};

/** Scores of an attribute [rows], NaN where there is none. */
export const scoreColumn = (table: Table, attribute: string): Float64Array =>
  hasColumn(table, SCORE_PREFIX + attribute)
    ? floatColumn(table, SCORE_PREFIX + attribute)
    : new Float64Array(table.rowCount).fill(Number.NaN);

export const readPrompts = async (source: InputArtifact): Promise<Prompts> => {
  const table = await readTable(source.path);
  const what = source.ref ?? 'the prompts';
  const ids = fullTextColumn(table, 'prompt_id', what);
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  if (rowOf.size !== ids.length) throw new UserError('ids', `${what}: prompt ids are not unique`);
  if (ids.length === 0) throw new UserError('input', `${what}: there are no prompts`);
  return { table, ids, texts: fullTextColumn(table, 'text', what), rowOf };
};

/** Length in code points: what `length` means as a probing target. */
export const codePoints = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

/** The scorers that a table's rows name; empty where it has no column `scorer`. */
const scorersOf = (table: Table): string[] =>
  hasColumn(table, 'scorer') ? [...new Set(stringColumn(table, 'scorer').filter((name) => name !== null))].sort() : [];

/**
 * A warning where prompts and continuations were not scored by one scorer: their scores are then not on one scale.
 * Undefined where they were.
 */
export const scorerMismatch = (prompts: Table, continuations: Table): string | undefined => {
  const [before, after] = [scorersOf(prompts), scorersOf(continuations)];
  if (before.length === 1 && after.length === 1 && before[0] === after[0]) return undefined;
  const name = (scorers: readonly string[]): string =>
    scorers.length === 0 ? 'an unnamed scorer' : scorers.join(' and ');
  return `the prompts were scored by ${name(before)}, the continuations by ${name(after)}: their scores may not be on one scale; score the prompts anew with text/score`;
};
