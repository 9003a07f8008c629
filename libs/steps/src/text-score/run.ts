import { createHash } from 'node:crypto';
import type { RunContext } from '@sonde/executor';
import { SCORES, writeRows } from '@sonde/formats';
import { openLocalScorer, scorerLabel, scoreTexts } from '@sonde/scoring';
import { type Column, column, concatTables, hasColumn, readTableParts, type Table } from '@sonde/tables';
import { oneTextARow } from '../shared/texts.ts';
import type { Config } from './kind.ts';

const ID_COLUMNS = ['prompt_id', 'sample', 'text_id'];

/** What names the texts: the table's own ids, else a hash of each text. */
function idColumns(table: Table, texts: readonly string[]): Column[] {
  const own = ID_COLUMNS.filter((name) => hasColumn(table, name));
  if (own.includes('prompt_id') || own.includes('text_id')) return own.map((name) => column(table, name));
  const ids = texts.map((value) => createHash('sha256').update(value).digest('hex').slice(0, 16));
  return [{ name: 'text_id', type: 'string', values: ids }];
}

/** `text/score`. */
export async function run({ config, output, progress, signal }: RunContext<Config>): Promise<void> {
  const scorer = await openLocalScorer(config.scorer.path);
  const name = config.column;
  const parts: Table[] = [];
  const columns = { columns: [name], optional: ID_COLUMNS };
  for await (const part of readTableParts(config.texts.path, columns)) parts.push(part);
  const table = concatTables(parts);
  const texts = oneTextARow(table, name, config.texts.ref ?? '`texts`').map((value) => value ?? '');
  const outcomes = await scoreTexts(scorer, texts, {
    onProgress: (done, total) => progress(done, total, 'texts'),
    signal,
  });
  const { attributes } = scorer;
  const label = scorerLabel(scorer.identity);
  const rows = outcomes.map((item) => ({
    score: Object.fromEntries(
      attributes.map((attribute, i) => [attribute, item.outcome === 'ok' ? item.scores[i]! : null]),
    ),
    outcome: item.outcome,
    scorer: label,
  }));
  await writeRows(output('scores'), SCORES, rows, { before: idColumns(table, texts), families: { score: attributes } });
}
