import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { list, map, number, oneOf, optional, text } from '@sonde/pipeline';
import {
  column,
  type IsMissing,
  type MissingWords,
  missingTest,
  type Suspect,
  suspectsIn,
  type Table,
} from '@sonde/tables';

const missingWords = list(oneOf([text(), number()]), { uniqueItems: true });

/** What of a person's file is to be read as a missing value. */
export const missing = optional(
  oneOf([missingWords, map(missingWords)], {
    description:
      'Words and numbers that stand for a missing value, `[NA, -999]`, in every column; or by column, `{ age: [-999] }`. They become null. If not given, what looks like one is an error; `[]` takes every value as it stands.',
  }),
);

export type Missing = MissingWords | Readonly<Record<string, MissingWords>>;

/** Which values the option names, and how often each list of words was met. */
export interface MissingRule {
  readonly isMissing: IsMissing;
  /** Says which words stand nowhere in what was read. */
  sayUnused(log: RunContext['log']): void;
}

export function missingRule(asked: Missing): MissingRule {
  const lists: [column: string | undefined, words: MissingWords][] = isList(asked)
    ? [[undefined, asked]]
    : Object.entries(asked);
  const rules = lists.flatMap(([column, words]) =>
    words.map((word) => ({ column, word, test: missingTest([word]), met: false })),
  );
  return {
    isMissing(name, value) {
      const rule = rules.find(({ column, test }) => (column === undefined || column === name) && test(value));
      if (rule === undefined) return false;
      rule.met = true;
      return true;
    },
    sayUnused(log) {
      const unused = rules.filter(({ met }) => !met).map(({ word }) => JSON.stringify(word));
      if (unused.length > 0) log('warning', `\`missing\` names ${unused.join(', ')}, which stands nowhere in the file`);
    },
  };
}

function isList(asked: Missing): asked is MissingWords {
  return Array.isArray(asked);
}

/** Whether nothing is to be taken for a missing value in this column unless it is named. */
function isDecided(asked: Missing | undefined, name: string): boolean {
  return asked !== undefined && (isList(asked) || Object.hasOwn(asked, name));
}

/**
 * Refuses what is likely to stand for a missing value and was not said to, and warns of words for one among texts.
 *
 * @param where the step that takes `missing`, if it is another than this one: ` with table/import`
 * @throws UserError with file, line, column and value
 */
export function refuseSuspects(
  table: Table,
  file: string,
  asked: Missing | undefined,
  log: RunContext['log'],
  where = '',
): void {
  if (asked !== undefined && !isList(asked)) for (const name of Object.keys(asked)) column(table, name);
  const suspects = suspectsIn(table).filter(({ column: name }) => !isDecided(asked, name));
  const placeOf = ({ row }: Suspect) => table.placeOf?.(row) ?? `${file}, row ${row} (counted from 0)`;
  const [first] = suspects.filter(({ amongTexts }) => !amongTexts);
  if (first !== undefined) {
    const surely = suspects.filter(({ amongTexts }) => !amongTexts);
    const others = new Set(surely.map(({ column: name }) => name)).size - 1;
    throw new UserError(
      'input',
      `${placeOf(first)}: the column ${first.column} holds ${JSON.stringify(first.value)} (in ${counted(first.count, 'row')}), which stands for a missing value among ${typeof first.value === 'number' ? 'its other numbers' : 'numbers, or true and false'}${others > 0 ? `; so do values of ${counted(others, 'other column')}` : ''}`,
      `Say which values are missing${where}: \`missing: ${wordsOf(surely)}\` makes them null; \`missing: []\` takes them as they stand.`,
    );
  }
  for (const name of new Set(suspects.map((suspect) => suspect.column))) {
    const ofColumn = suspects.filter((suspect) => suspect.column === name);
    const rows = ofColumn.reduce((sum, { count }) => sum + count, 0);
    log(
      'warning',
      `the column ${name} holds ${ofColumn.map(({ value }) => JSON.stringify(value)).join(', ')} among its texts (in ${counted(rows, 'row')}, the first at ${placeOf(ofColumn[0]!)}), kept as a text. Where it stands for a missing value, say so${where}: \`missing: { ${name}: ${wordsOf(ofColumn)} }\``,
    );
  }
}

function wordsOf(suspects: readonly Suspect[]): string {
  return `[${[...new Set(suspects.map(({ value }) => JSON.stringify(value)))].join(', ')}]`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
