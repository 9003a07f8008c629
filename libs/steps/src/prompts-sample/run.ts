import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { Prompt } from '@sonde/engine';
import type { RunConfig, RunContext } from '@sonde/executor';
import {
  type Column,
  floatColumn,
  hasColumn,
  readTable,
  selectRows,
  stringColumn,
  type Table,
  tableFromColumns,
  writeParquet,
} from '@sonde/tables';
import { openTokenizer } from '@sonde/tokenizers';
import { input, number, optionalInput } from '../inputs.ts';
import { SCORE_PREFIX } from '../prompts.ts';
import { renderThrough } from './templates.ts';

/** RealToxicityPrompts nests the prompt's text and its Perspective scores, in lower case, under `prompt`. */
const NESTED_TEXT = 'prompt.text';
const NESTED_SCORE =
  /^prompt\.(toxicity|severe_toxicity|profanity|threat|sexually_explicit|identity_attack|insult|flirtation)$/;

const textColumn = (table: Table, asked: string | undefined): string => {
  if (asked !== undefined) return asked;
  const found = ['text', NESTED_TEXT, 'prompt'].find((name) => hasColumn(table, name));
  if (found !== undefined) return found;
  const names = table.columns.map(({ name }) => name).join(', ');
  throw new UserError(
    'input',
    'the source has no column of prompts that could be found by itself',
    `Name it with \`text:\`. The columns are ${names}.`,
  );
};

/** The score columns under their canonical names. */
const scoreColumns = (table: Table): { name: string; values: Float64Array }[] =>
  table.columns.flatMap(({ name }) => {
    const nested = NESTED_SCORE.exec(name);
    if (nested === null && !name.startsWith(SCORE_PREFIX)) return [];
    return [
      { name: nested === null ? name : SCORE_PREFIX + nested[1]!.toUpperCase(), values: floatColumn(table, name) },
    ];
  });

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Rows with a text, the first of equal ones. */
const usableRows = (texts: readonly (string | null)[], context: RunContext): number[] => {
  const seen = new Set<string>();
  const rows: number[] = [];
  let [empty, repeated] = [0, 0];
  for (const [row, text] of texts.entries()) {
    if (text === null || text.trim() === '') empty++;
    else if (seen.has(text)) repeated++;
    else {
      seen.add(text);
      rows.push(row);
    }
  }
  if (empty > 0) context.log('warning', `${empty} of ${texts.length} rows have no text and were left out`);
  if (repeated > 0)
    context.log('info', `${repeated} of ${texts.length} rows repeat an earlier prompt and were left out`);
  return rows;
};

interface Strata {
  readonly attribute: string;
  readonly edges: readonly number[];
  readonly shares?: readonly number[];
}

/** The stratum of each row, or undefined for rows without a score. */
const stratify = (rows: readonly number[], scores: Float64Array, { edges }: Strata): number[][] => {
  const sorted = [...edges].sort((a, b) => a - b);
  const strata: number[][] = Array.from({ length: sorted.length + 1 }, () => []);
  for (const row of rows) {
    const score = scores[row]!;
    if (!Number.isNaN(score)) strata[sorted.filter((edge) => score >= edge).length]!.push(row);
  }
  return strata;
};

/**
 * Orders rows by hash(seed, text); with strata each stratum's rows are spread over the order by its share. A larger
 * sample is a longer piece of the same order: it begins with the smaller one.
 */
const rank = (
  config: RunConfig,
  rows: readonly number[],
  texts: readonly (string | null)[],
  strata: readonly number[][] | undefined,
  shares: readonly number[],
): number[] => {
  const seed = number(config, 'seed');
  const keys = new Map(rows.map((row) => [row, digest(`${seed}\n${texts[row]}`)]));
  const byKey = (a: number, b: number): number => (keys.get(a)! < keys.get(b)! ? -1 : 1);
  if (strata === undefined) return [...rows].sort(byKey);
  const placed = strata.flatMap((members, s) =>
    shares[s] === 0 ? [] : [...members].sort(byKey).map((row, i) => ({ row, place: (i + 0.5) / shares[s]! })),
  );
  return placed.sort((a, b) => a.place - b.place || byKey(a.row, b.row)).map(({ row }) => row);
};

const sample = (config: RunConfig, table: Table, texts: readonly (string | null)[], context: RunContext): number[] => {
  const rows = usableRows(texts, context);
  const count = config.count === 'all' ? undefined : number(config, 'count');
  const chosen = config.strata as unknown as Strata | undefined;
  if (chosen === undefined) {
    if (count !== undefined && count > rows.length) {
      throw new UserError(
        'input',
        `${count} prompts were asked for, but the source has ${rows.length} distinct ones (of ${texts.length} rows)`,
        'Use a smaller `count`, or `all`.',
      );
    }
    return rank(config, rows, texts, undefined, []).slice(0, count);
  }
  const column = scoreColumns(table).find(({ name }) => name === SCORE_PREFIX + chosen.attribute);
  if (column === undefined)
    throw new UserError('input', `the source has no scores of ${chosen.attribute} to form strata by`);
  const strata = stratify(rows, column.values, chosen);
  const shares = chosen.shares ?? strata.map(() => 1 / strata.length);
  if (count === undefined)
    return rank(
      config,
      rows,
      texts,
      strata,
      strata.map((members) => members.length || 1),
    );
  const order = rank(config, rows, texts, strata, shares).slice(0, count);
  for (const [s, members] of strata.entries()) {
    const wanted = Math.floor(shares[s]! * count);
    if (members.length < wanted) {
      const range = [...chosen.edges].sort((a, b) => a - b);
      throw new UserError(
        'input',
        `stratum ${s} (${chosen.attribute} from ${range[s - 1] ?? 0} to ${range[s] ?? 1}) has ${members.length} prompts, but ${wanted} are needed for ${count} in all`,
        'Use a smaller `count`, or other `shares`.',
      );
    }
  }
  return order;
};

/** Columns of the source that are kept beside the sample's own, under names that do not clash. */
const keptColumns = (table: Table, used: ReadonlySet<string>): Column[] => {
  const own = new Set(['prompt_id', 'text', 'rendered', 'span_start', 'span_end', 'add_special_tokens']);
  return table.columns
    .filter(({ name }) => !used.has(name))
    .map((item) => (own.has(item.name) ? { ...item, name: `source.${item.name}` } : item));
};

/** A chat template writes its special tokens itself: then the tokenizer must not add them again. */
const specialTokensColumn = (rendered: readonly Omit<Prompt, 'id'>[]): Column[] =>
  rendered.some((item) => item.addSpecialTokens !== undefined)
    ? [{ name: 'add_special_tokens', type: 'boolean', values: rendered.map((item) => item.addSpecialTokens ?? null) }]
    : [];

/** `prompts/sample`. */
export const run = async (context: RunContext): Promise<void> => {
  const { config } = context;
  const source = await readTable(input(config, 'source').path);
  const textName = textColumn(source, config.text as string | undefined);
  const chosen = sample(config, source, stringColumn(source, textName), context);
  if (chosen.length === 0) throw new UserError('input', 'the source has no prompts: no row has a text');
  const table = selectRows(source, chosen);
  const texts = stringColumn(table, textName) as readonly string[];
  const chat = optionalInput(config, 'chat');
  const tokenizer = chat && (await openTokenizer(chat.path));
  const rendered = texts.map((text) => renderThrough(text, config.template as number | string, tokenizer));
  const scores = scoreColumns(table);
  for (const { name, values } of scores) {
    const outside = values.reduce((sum, value) => sum + (value < 0 || value > 1 ? 1 : 0), 0);
    if (outside > 0) context.log('warning', `${outside} values of ${name} lie outside 0 to 1, the range of a score`);
  }
  const used = new Set([
    textName,
    ...table.columns.map(({ name }) => name).filter((name) => NESTED_SCORE.test(name) || name.startsWith(SCORE_PREFIX)),
  ]);
  const result = tableFromColumns([
    { name: 'prompt_id', type: 'string', values: texts.map((text) => digest(text).slice(0, 16)) },
    { name: 'text', type: 'string', values: texts },
    { name: 'rendered', type: 'string', values: rendered.map((item) => item.rendered) },
    { name: 'span_start', type: 'int32', values: rendered.map(({ spanStart }) => spanStart) },
    { name: 'span_end', type: 'int32', values: rendered.map(({ spanEnd }) => spanEnd) },
    ...specialTokensColumn(rendered),
    ...scores.map(
      ({ name, values }): Column => ({
        name,
        type: 'float64',
        values: Array.from(values, (value) => (Number.isNaN(value) ? null : value)),
      }),
    ),
    ...keptColumns(table, used),
  ]);
  await writeParquet(context.output('prompts'), result);
};
