import { createHash } from 'node:crypto';
import type { InputArtifact } from '@sonde/pipeline';
import type { ScorerContext } from '../define-scorer.ts';
import { notKept } from '../not-kept.ts';
import type { Scorer } from '../scorer.ts';
import { type RecordedAnswers, recordedAnswers } from './answers.ts';
import { nothingRecorded, recordColumns } from './columns.ts';
import type { Config } from './config.ts';
import { nestedAnswers } from './nested.ts';

/** Rows of a table that are looked at for lists, in which answers may be nested. */
const LOOKED_AT = 100;

/** What a record may say of a text beside its scores. */
const SAYS = ['outcome', 'detail', 'scorer'] as const;

/**
 * Opens a record of answers. It never calls out: a text that is not in it is `not_recorded`, or `empty` where it is, which
 * nobody asks about.
 * @throws UserError where there are no texts with scores, or a text has two answers that differ
 */
export async function open(config: Config, context: ScorerContext): Promise<Scorer> {
  const tables = tablesOf(config);
  const { name } = context;
  const { repeated = 'error', text, columns } = config;
  const answers = recordedAnswers(name, repeated);
  const scorers = new Set<string>();
  for (const table of tables) await readTable(table, config, { answers, scorers }, context);
  if (scorers.size > 1) {
    const names = [...scorers].sort().join(' and ');
    context.log('warning', `the record ${name} has answers of ${names}: their scores may not be on one scale`);
  }
  const { attributes } = answers;
  const records = tables.map(({ digest }) => digest);
  const settings = [records, text ?? null, columns ? Object.entries(columns) : null, repeated, attributes];
  return {
    identity: {
      kind: 'recorded',
      name,
      digest: createHash('sha256').update(JSON.stringify(settings)).digest('hex'),
      records,
      ...(scorers.size > 0 && { scorers: [...scorers].sort() }),
      attributes,
    },
    attributes,
    lookup: true,
    score: (texts) => texts.map((value) => answers.get(value) ?? notKept(value)),
  };
}

/** One table or several, as they were given. */
export function tablesOf({
  table,
}: {
  readonly table: InputArtifact | readonly InputArtifact[];
}): readonly InputArtifact[] {
  return Array.isArray(table) ? (table as readonly InputArtifact[]) : [table as InputArtifact];
}

/** What is read of a record. */
interface Reading {
  readonly answers: RecordedAnswers;
  /** Who gave the answers, as far as the record says so. */
  readonly scorers: Set<string>;
}

async function readTable(
  table: InputArtifact,
  config: Config,
  { answers, scorers }: Reading,
  { name, rows, columnsOf }: ScorerContext,
): Promise<void> {
  const there = await columnsOf(table);
  const chosen = recordColumns(there, config, name);
  const said = config.text !== undefined || config.columns !== undefined;
  if (chosen.length === 0 || (!said && (await hasLists(table, rows)))) {
    const before = answers.size;
    for await (const part of rows(table)) {
      for (const row of part) for (const { text, scores, says } of nestedAnswers(row)) answers.add(text, scores, says);
    }
    if (answers.size === before && chosen.length === 0) nothingRecorded(there, config, name);
  }
  if (chosen.length === 0) return;
  const says = SAYS.filter((column) => there.includes(column));
  const read = [...new Set([...chosen.flatMap(({ text, scores }) => [text, ...Object.values(scores)]), ...says])];
  for await (const part of rows(table, read)) {
    for (const row of part) {
      if (typeof row.scorer === 'string') scorers.add(row.scorer);
      for (const { text, scores } of chosen) {
        const key = row[text];
        if (typeof key !== 'string') continue;
        const found = Object.entries(scores).map(([attribute, column]) => [attribute, row[column]] as const);
        answers.add(key, Object.fromEntries(found), row);
      }
    }
  }
}

async function hasLists(table: InputArtifact, rows: ScorerContext['rows']): Promise<boolean> {
  for await (const part of rows(table)) {
    return part.slice(0, LOOKED_AT).some((row) => Object.values(row).some(Array.isArray));
  }
  return false;
}
