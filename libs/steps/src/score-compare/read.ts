import { UserError } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { floatColumn, hasColumn, idColumn, readTableParts, stringColumn, type Table } from '@sonde/tables';
import { pairId } from '../shared/matching.ts';
import { oneTextARow, textId } from '../shared/texts.ts';

/** A table's scores by attribute, NaN where there is none, with what tells its rows. */
export interface Scores {
  readonly ids: readonly string[];
  /** The prompt of each row, where texts belong to prompts. */
  readonly prompts: readonly string[] | undefined;
  readonly byAttribute: ReadonlyMap<string, Float64Array>;
  /** 1 where the outcome says that the text is empty. */
  readonly empty: Uint8Array;
  readonly scorers: readonly string[];
}

interface Reading {
  readonly what: string;
  /** Attribute → column; all columns `score.<ATTRIBUTE>` if not given. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Texts, from which ids are made where the table has none. */
  readonly column: string;
}

const IDS = ['prompt_id', 'sample', 'text_id'];

/** Reads scores, or labels. @throws UserError where a column is missing or holds other than numbers, true and false */
export async function readScores({ path }: InputArtifact, { what, labels, column }: Reading): Promise<Scores> {
  const ids: string[] = [];
  const prompts: string[] = [];
  const empty: number[] = [];
  const scorers = new Set<string>();
  const values = new Map<string, number[]>();
  const optional = [...IDS, 'scorer', 'outcome', column];
  const parts = readTableParts(path, {
    columns: Object.values(labels ?? {}),
    optional,
    ...(labels === undefined && { prefixes: ['score.'] }),
  });
  for await (const part of parts) {
    for (const id of idsOf(part, column, what)) ids.push(id);
    if (hasColumn(part, 'outcome') && labels === undefined) {
      for (const outcome of stringColumn(part, 'outcome')) empty.push(outcome === 'empty' ? 1 : 0);
    }
    if (hasColumn(part, 'prompt_id')) for (const id of idColumn(part, 'prompt_id')) prompts.push(id ?? '');
    if (hasColumn(part, 'scorer') && labels === undefined) {
      for (const scorer of stringColumn(part, 'scorer')) if (scorer !== null) scorers.add(scorer);
    }
    for (const { name } of part.columns) {
      for (const attribute of attributesOf(name, labels)) {
        const into = values.get(attribute) ?? [];
        values.set(attribute, into);
        for (const value of floatColumn(part, name)) into.push(value);
      }
    }
  }
  if (values.size === 0) throw new UserError('input', `${what}: there is no column \`score.<ATTRIBUTE>\``);
  return {
    ids,
    prompts: prompts.length === ids.length ? prompts : undefined,
    byAttribute: new Map([...values].map(([attribute, list]) => [attribute, Float64Array.from(list)])),
    empty: empty.length === ids.length ? Uint8Array.from(empty) : new Uint8Array(ids.length),
    scorers: labels === undefined ? [...scorers].sort() : Object.values(labels).map((name) => `column ${name}`),
  };
}

function attributesOf(column: string, labels: Reading['labels']): string[] {
  if (labels === undefined) return column.startsWith('score.') ? [column.slice('score.'.length)] : [];
  return Object.entries(labels).flatMap(([attribute, name]) => (name === column ? [attribute] : []));
}

/** What tells rows apart: the table's ids, else the digest of each text, as `text/score` makes them. */
function idsOf(part: Table, column: string, what: string): string[] {
  if (hasColumn(part, 'prompt_id')) {
    const samples = hasColumn(part, 'sample') ? part.columns.find(({ name }) => name === 'sample')!.values : undefined;
    return idColumn(part, 'prompt_id').map((id, row) => {
      const sample = samples?.[row];
      return sample === undefined || sample === null ? `${id}` : pairId(`${id}`, Number(sample));
    });
  }
  if (hasColumn(part, 'text_id')) return idColumn(part, 'text_id').map((id) => `${id}`);
  if (!hasColumn(part, column)) {
    throw new UserError(
      'input',
      `${what}: there is neither \`prompt_id\` nor \`text_id\` nor a column of texts \`${column}\``,
    );
  }
  return oneTextARow(part, column, what).map(textId);
}

/** Texts by id. */
export async function readTexts({ path, ref }: InputArtifact, column: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const what = ref ?? '`texts`';
  for await (const part of readTableParts(path, { columns: [column], optional: IDS })) {
    const ids = idsOf(part, column, what);
    for (const [row, text] of oneTextARow(part, column, what).entries()) {
      if (text !== null) texts.set(ids[row]!, text);
    }
  }
  return texts;
}
