import { createHash } from 'node:crypto';
import type { RunContext } from '@sonde/executor';
import { SCORES, tableOf } from '@sonde/formats';
import { openScorer, type Scorer, type ScorerKind, scoreInParts, scorerLabel, type TextRow } from '@sonde/scoring';
import {
  type Column,
  column,
  detectFormat,
  hasColumn,
  readParquetInfo,
  readTableParts,
  rows,
  selectColumns,
  sliceRows,
  type Table,
  writeParquetParts,
} from '@sonde/tables';
import { oneTextARow } from '../shared/texts.ts';
import type { Config } from './config.ts';

const ID_COLUMNS = ['prompt_id', 'sample', 'text_id'];

/** Rows that are in memory at once, beside what is known of texts. */
const ROWS = 16_384;

/** What names the texts: the table's own ids, else a hash of each text. */
function idColumns(table: Table, texts: readonly string[]): Column[] {
  const own = ID_COLUMNS.filter((name) => hasColumn(table, name));
  if (own.includes('prompt_id') || own.includes('text_id')) return own.map((name) => column(table, name));
  const ids = texts.map((value) => createHash('sha256').update(value).digest('hex').slice(0, 16));
  return [{ name: 'text_id', type: 'string', values: ids }];
}

/** A table in parts of at most so many rows. */
async function* partsOf(path: string, columns: readonly string[], optional: readonly string[]): AsyncGenerator<Table> {
  for await (const part of readTableParts(path, { columns, optional })) {
    if (part.rowCount <= ROWS) yield part;
    else for (let from = 0; from < part.rowCount; from += ROWS) yield sliceRows(part, from, from + ROWS);
  }
}

/** How many rows a table has; undefined where only reading it tells. */
async function rowCountOf(path: string): Promise<number | undefined> {
  return (await detectFormat(path)) === 'parquet' ? (await readParquetInfo(path)).rowCount : undefined;
}

/** `text/score`. */
export async function run(
  { config, output, progress, log, signal, device }: RunContext<Config>,
  kinds: readonly ScorerKind[],
): Promise<void> {
  const context: Parameters<typeof openScorer>[1] = {
    threads: device.threads,
    log,
    async *rows({ path }, columns) {
      for await (const part of readTableParts(path, columns ? { columns } : {})) yield [...rows(part)];
    },
    async columnsOf({ path }) {
      for await (const part of readTableParts(path)) return part.columns.map(({ name }) => name);
      return [];
    },
  };
  const scorer = await openScorer(config.scorer, context, kinds);
  try {
    await score(scorer, { config, output, progress, signal });
  } finally {
    await scorer.close?.();
  }
}

type Work = Pick<RunContext<Config>, 'config' | 'output' | 'progress' | 'signal'>;

async function score(scorer: Scorer, { config, output, progress, signal }: Work): Promise<void> {
  const { column: name, texts: source } = config;
  const { attributes } = scorer;
  const label = scorerLabel(scorer.identity);
  const scorePart = scoreInParts(scorer);
  const total = await rowCountOf(source.path);
  const own = [...new Set([name, ...(scorer.columns ?? [])])];
  let done = 0;
  await writeParquetParts(output('scores'), async (append) => {
    for await (const part of partsOf(source.path, own, ID_COLUMNS)) {
      const texts = oneTextARow(part, name, source.ref ?? '`texts`').map((value) => value ?? '');
      const besides = scorer.columns ? ([...rows(selectColumns(part, [...scorer.columns]))] as TextRow[]) : undefined;
      const outcomes = await scorePart(texts, besides, {
        // What of a part's distinct texts is done stands for as much of its rows.
        onProgress: (some, all) =>
          progress(done + Math.floor((texts.length * some) / all), total ?? done + texts.length, 'texts'),
        signal,
      });
      done += texts.length;
      progress(done, total ?? done, 'texts');
      const scored = outcomes.map((item) => ({
        score: Object.fromEntries(
          attributes.map((attribute, i) => [attribute, 'scores' in item ? (item.scores[i] ?? null) : null]),
        ),
        outcome: item.outcome,
        scorer: label,
      }));
      await append(tableOf(SCORES, scored, { before: idColumns(part, texts), families: { score: attributes } }));
    }
  });
}
