import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { ScorerContext } from '../define-scorer.ts';
import { outcomeOf } from '../row-scores.ts';
import type { ScoreOutcome, Scorer } from '../scorer.ts';
import { recordColumns } from './columns.ts';
import type { Config } from './config.ts';

/**
 * Opens a record of answers. It never calls out: a text that is not in it is `not_recorded`.
 * @throws UserError where columns are missing, or a text has two answers that differ
 */
export async function open(config: Config, { name, rows, columnsOf }: ScorerContext): Promise<Scorer> {
  const { table } = config;
  const { text, attributes, columns } = recordColumns(await columnsOf(table), config, name);
  const answers = new Map<string, ScoreOutcome>();
  for await (const part of rows(table, [...new Set([text, ...columns])])) {
    for (const row of part) {
      const key = row[text];
      if (typeof key !== 'string') continue;
      const answer = outcomeOf(row, columns);
      const before = answers.get(key);
      if (before !== undefined && !isSame(before, answer)) {
        throw new UserError(
          'scorer',
          `The record ${name} has two answers for the text ${JSON.stringify(key.slice(0, 60))}, and they differ.`,
          'Keep one row of each text.',
        );
      }
      answers.set(key, answer);
    }
  }
  const pairs = columns.map((column, i) => `${column}=${attributes[i]}`);
  const digest = createHash('sha256')
    .update(JSON.stringify([table.digest, text, pairs]))
    .digest('hex');
  return {
    identity: { kind: 'recorded', name, digest, record: table.digest, text, columns: pairs },
    attributes,
    lookup: true,
    score: (texts) => texts.map((value) => answers.get(value) ?? { outcome: 'not_recorded' }),
  };
}

function isSame(a: ScoreOutcome, b: ScoreOutcome): boolean {
  if (!('scores' in a) || !('scores' in b)) return a.outcome === b.outcome;
  return a.scores.every((score, i) => score === b.scores[i]);
}
