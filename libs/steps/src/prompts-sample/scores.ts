import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { SCORE_PREFIX } from '@sonde/formats';
import { type Column, column, floatColumn, isMissingWord, type Table } from '@sonde/tables';

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
  'Scores are numbers from 0 to 1. Classes need no name of a score: probe/train probes a column of any name with `labels: [<column>]`.';

/** A column of scores, NaN where there is none. @throws UserError for labels in words and numbers that mean none */
export function scoresOf(table: Table, name: string, log: RunContext['log']): Float64Array {
  const found = column(table, name);
  if (isOfWords(found)) {
    throw new UserError(
      'input',
      `the column ${name} of the source holds texts (${examples(found)}), not scores`,
      isOfForeignNumbers(found)
        ? 'Write numbers with a point and no unit: `0.5`, not `0,5` or `50%`.'
        : isOfMissingWords(found)
          ? 'Words for a missing value are named: `missing: [NA]` makes them null.'
          : CLASSES,
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
      `Say so: \`missing: [${stand[0]}]\` makes it null.`,
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

/** Whether a column holds numbers with a decimal comma or a unit. */
function isOfForeignNumbers({ values }: Column): boolean {
  return Array.from(values as ArrayLike<unknown>).every(
    (value) => typeof value !== 'string' || /^\s*(?:-?[\d.]*,\d+|-?\d+(?:[.,]\d+)?\s*%)?\s*$/.test(value),
  );
}

function isOfMissingWords({ values }: Column): boolean {
  return Array.from(values as ArrayLike<unknown>).every(
    (value) => typeof value !== 'string' || value.trim() === '' || isMissingWord(value.trim()),
  );
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
const ID = /^(id|ids|idx|index|key|uid|uuid|guid|_id|__index_level_0__|.+_id)$/i;

/**
 * Says what a person may have brought in the belief that it is read.
 *
 * @param idName the column that ids are taken from; undefined where they are made of the texts
 */
export function sayWhatIsNotRead(
  table: Table,
  hasScores: boolean,
  idName: string | undefined,
  log: RunContext['log'],
): void {
  const id = idName === undefined ? table.columns.find(isOfIds) : undefined;
  if (id !== undefined) {
    log(
      'warning',
      `the column ${id.name} of the source is kept, but prompts get ids that are made of their texts: \`id: ${id.name}\` takes its values for them`,
    );
  }
  const label = hasScores ? undefined : table.columns.find(({ name }) => LABEL.test(name));
  if (label !== undefined) {
    const { name } = label;
    const probed = `probe/train probes its values as classes with \`labels: [${name}]\``;
    log(
      'warning',
      isOfWords(label)
        ? `the column ${name} of the source is kept, and is no score: it holds texts (${examples(label)}). ${probed}.`
        : `the column ${name} of the source is kept, and is no score: scores are columns named \`score.<ATTRIBUTE>\`. Rename it with table/import: \`rename: { ${name}: ${SCORE_PREFIX}${name.toUpperCase().replace(/[^A-Z0-9_]/g, '_')} }\`; or ${probed}.`,
    );
  }
  const split = table.columns.find(({ name }) => SPLIT.test(name));
  if (split !== undefined) {
    log(
      'warning',
      `the column ${split.name} of the source is kept, and read only where it is named: probe/train draws its own folds unless it has \`split: ${split.name}\``,
    );
  }
}

/** Whether a column is named like one of ids, and has a text or whole number of its own in every row. */
function isOfIds({ name, type, values }: Column): boolean {
  if (!ID.test(name) || !['string', 'int32', 'int64'].includes(type)) return false;
  const ids = new Set(values as Iterable<unknown>);
  return ids.size === values.length && !ids.has(null);
}
