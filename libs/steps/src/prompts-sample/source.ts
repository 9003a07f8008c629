import { isRecord, UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { type Column, hasColumn, type Table } from '@sonde/tables';
import { readBrought } from '../shared/brought.ts';
import { oneTextARow } from '../shared/texts.ts';
import type { Config } from './config.ts';
import { drawnByText, idsOf, madeIds } from './ids.ts';
import { attributeOf, type SourceScores, sayWhatIsNotRead, scoresOf } from './scores.ts';

/** RealToxicityPrompts nests the prompt's text under `prompt`. */
const NESTED_TEXT = 'prompt.text';
const ID = 'prompt_id';

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
  const table = await readBrought(config.source, config.missing ? { missing: config.missing } : {}, log);
  const textName = textColumn(table, config.text);
  const texts = oneTextARow(table, textName, 'the source');
  const scoreNames = table.columns.map(({ name }) => name).filter((name) => attributeOf(name) !== undefined);
  const scores = scoreNames.map((name) => ({ attribute: attributeOf(name)!, values: scoresOf(table, name, log) }));
  const own = config.id ?? (hasColumn(table, ID) ? ID : undefined);
  sayWhatIsNotRead(table, scores.length > 0, own, log);
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

function textColumn(table: Table, asked: string | undefined): string {
  if (asked !== undefined) return asked;
  const found = ['text', NESTED_TEXT, 'prompt'].find((name) => hasColumn(table, name));
  if (found !== undefined) return found;
  throw new UserError(
    'input',
    'the source has no column of prompts that could be found by itself',
    hintForColumns(table),
  );
}

function hintForColumns(table: Table): string {
  if (isOfColumns(table))
    return 'Its rows lie in one object of columns, as `df.to_json(path)` of pandas writes them. Write `df.to_json(path, orient="records", lines=True)`.';
  const chat = table.columns.find(isOfChats);
  if (chat !== undefined)
    return `The column ${chat.name} holds conversations, which are no prompts: write the text to go on from into a column of its own, \`df["text"] = df["${chat.name}"].map(lambda chat: chat[-1]["content"])\`. A template for chats comes with \`chat:\`.`;
  return `Name it with \`text:\`. The columns are ${table.columns.map(({ name }) => name).join(', ')}.`;
}

/** Whether a column holds lists of messages, as chat models are given them. */
function isOfChats({ type, values }: Column): boolean {
  if (type !== 'json') return false;
  const [first] = Array.from(values as ArrayLike<unknown>).filter((value) => value !== null);
  const [message] = Array.isArray(first) ? (first as unknown[]) : [];
  return isRecord(message) && ('content' in message || 'value' in message);
}

/** Whether the table is one object that has a number for each row in every column. */
function isOfColumns({ rowCount, columns }: Table): boolean {
  return rowCount === 1 && columns.length > 1 && columns.every(({ name }) => /\.\d+$/.test(name));
}
