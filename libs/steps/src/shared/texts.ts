import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { column, stringColumn, type Table } from '@sonde/tables';

/**
 * A column with a text a row.
 *
 * @throws UserError for one that holds lists, many texts in one row, or Python's lists or dictionaries written as text
 */
export function oneTextARow(table: Table, name: string, what: string): readonly (string | null)[] {
  const found = column(table, name);
  const lists = found.type === 'list<int32>' || (found.type === 'json' && found.values.some(Array.isArray));
  if (lists)
    throw new UserError(
      'input',
      `the column ${name} of ${what} holds lists; a row for each text is needed`,
      explode(name),
    );
  const texts = stringColumn(table, name);
  const written = writtenOut(texts);
  if (written !== undefined) {
    throw new UserError(
      'input',
      `the column ${name} of ${what} holds Python ${written.kind} written as text, not texts: ${written.example}`,
      `${REMEDY}${written.kind === 'lists' ? ` ${explode(name)}` : ''}`,
    );
  }
  return texts;
}

/** The id of a text of a table that has none: the beginning of its digest. */
export function textId(text: string | null): string {
  return text === null ? 'no_text' : createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Says which columns hold Python's lists or dictionaries, which nothing can read. */
export function sayWrittenOut(table: Table, log: RunContext['log']): void {
  for (const found of table.columns) {
    const written = found.type === 'string' ? writtenOut(found.values) : undefined;
    if (written === undefined) continue;
    log(
      'warning',
      `the column ${found.name} holds Python ${written.kind} written as text, which no step can take apart: ${written.example}. ${REMEDY}`,
    );
  }
}

const REMEDY =
  'A CSV file cannot hold nested fields. Write JSON Lines (`df.to_json("prompts.jsonl", orient="records", lines=True)`), or take the fields apart first (`pandas.json_normalize`).';

function explode(name: string): string {
  return `Give every text a row of its own (in pandas: \`df.explode("${name}")\`), and several of a prompt a column \`sample\` that counts them from 0.`;
}

/** How Python writes a dictionary, and a list of texts: what `to_csv` of pandas makes of nested fields. */
const DICTIONARY = /^\s*\{'\w+': .*\}\s*$/s;
const LIST = /^\s*\[\s*['"].*['"]\s*\]\s*$/s;

/** What most of a column's texts are, if not texts. */
function writtenOut(
  texts: readonly (string | null)[],
): { readonly kind: 'dictionaries' | 'lists'; readonly example: string } | undefined {
  let present = 0;
  const found = { dictionaries: [] as string[], lists: [] as string[] };
  for (const text of texts) {
    if (text === null) continue;
    present++;
    if (DICTIONARY.test(text)) found.dictionaries.push(text);
    else if (LIST.test(text)) found.lists.push(text);
  }
  for (const kind of ['dictionaries', 'lists'] as const) {
    const [first] = found[kind];
    if (first !== undefined && found[kind].length * 2 > present) {
      const example = first.trim();
      return { kind, example: example.length > 60 ? `${example.slice(0, 60)}…` : example };
    }
  }
  return undefined;
}
