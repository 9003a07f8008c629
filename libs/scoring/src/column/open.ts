import type { ScorerContext } from '../define-scorer.ts';
import { outcomeOf } from '../row-scores.ts';
import type { Scorer } from '../scorer.ts';
import type { Config } from './config.ts';

/** Opens columns of the table that is scored. */
export async function open({ columns }: Config, { name }: ScorerContext): Promise<Scorer> {
  const names = Object.values(columns);
  return {
    identity: { kind: 'column', name, columns: Object.entries(columns).map(([to, from]) => `${from}=${to}`) },
    attributes: Object.keys(columns),
    columns: names,
    score: (_texts, rows = []) => rows.map((row) => outcomeOf(row, names)),
  };
}
