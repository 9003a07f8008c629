import { UserError } from '@sonde/base';
import type { ScoreOutcome } from './scorer.ts';

/** What a row's columns say of its text: scores, null where a cell is empty; `refused` where all are. */
export function outcomeOf(row: Readonly<Record<string, unknown>>, columns: readonly string[]): ScoreOutcome {
  const scores = columns.map((name) => scoreOf(row[name], name));
  if (scores.every((score) => score === null)) return { outcome: 'refused', detail: 'no score was given' };
  return { outcome: 'ok', scores };
}

/** A cell as a score; null where it is empty. @throws UserError for one that is none */
export function scoreOf(value: unknown, column: string): number | null {
  if (value === null || value === undefined || value === '' || Number.isNaN(value)) return null;
  const score = typeof value === 'bigint' ? Number(value) : typeof value === 'string' ? numberIn(value) : value;
  if (typeof score === 'number' && score >= 0 && score <= 1) return score;
  throw new UserError(
    'scorer',
    `The column ${column} holds ${JSON.stringify(value)} where a score from 0 to 1 was expected.`,
    'Leave a missing score empty (CSV) or write null (JSON, Parquet).',
  );
}

/** A number in a text; undefined where white space alone stands there, which `Number` takes for 0, or what is none. */
function numberIn(text: string): number | undefined {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : undefined;
}
