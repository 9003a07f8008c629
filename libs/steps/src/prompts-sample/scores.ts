import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { SCORE_PREFIX } from '@sonde/formats';
import { type Column, column, floatColumn, type Table } from '@sonde/tables';

/** RealToxicityPrompts nests a prompt's Perspective scores, in lower case, under `prompt`. */
const NESTED_SCORE =
  /^prompt\.(toxicity|severe_toxicity|profanity|threat|sexually_explicit|identity_attack|insult|flirtation)$/;

/** A column of scores, by attribute. */
export interface SourceScores {
  readonly attribute: string;
  /** NaN where there is none. */
  readonly values: Float64Array;
}

/** The attribute whose scores a column of this name holds; undefined for other columns. */
export function attributeOf(name: string): string | undefined {
  const nested = NESTED_SCORE.exec(name)?.[1]?.toUpperCase();
  return nested ?? (name.startsWith(SCORE_PREFIX) ? name.slice(SCORE_PREFIX.length) : undefined);
}

/** Numbers that stand for a missing value where a score would be; the others where no score but them is out of range. */
const MISSING: ReadonlySet<number> = new Set([-9, -99, -999, -9999, 999, 9999]);
const PERHAPS_MISSING: ReadonlySet<number> = new Set([-1, 99]);

const CLASSES =
  'Scores are numbers from 0 to 1: write two classes as 1 and 0, and of more classes a column of 1 and 0 each. Probes for classes are not available in this version.';

/** A column of scores, NaN where there is none. @throws UserError for labels in words and numbers that mean none */
export function scoresOf(table: Table, name: string, log: RunContext['log']): Float64Array {
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
  if (outside.length === 0) return values;
  const alike = outside.every((value) => value === outside[0]) ? PERHAPS_MISSING : undefined;
  const stand = outside.filter((value) => MISSING.has(value) || alike?.has(value) === true);
  if (stand.length > 0) {
    throw new UserError(
      'input',
      `${stand.length} of ${values.length} values of ${name} are ${stand[0]}, which stands for a missing value and is no score from 0 to 1`,
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
export function sayWhatIsNotRead(table: Table, hasScores: boolean, log: RunContext['log']): void {
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
