import type { RunContext } from '@sonde/executor';
import { SCORE_PREFIX } from '@sonde/formats';
import { hasColumn, type Table } from '@sonde/tables';

// `scorer` names who gave all the scores of its row: no score may come under the name of another.

const SCORER = 'scorer';

/**
 * What leaves a table for the scores of the other one that are kept: its own scores where the other names its scorer;
 * where it does not, this table's name for one.
 */
export function scoresThatYield(table: Table, other: Table, log: RunContext['log']): string[] {
  if (scoresOf(other).length === 0) return [];
  if (!hasColumn(other, SCORER)) return [SCORER];
  const alone = scoresOf(table).filter((name) => !hasColumn(other, name));
  if (alone.length > 0) {
    log('info', `left out: ${alone.join(', ')}, which the scorer of the scores that are kept did not give`);
  }
  return [SCORER, ...alone];
}

/** Says where the scores of one table come to stand beside the scorer of the other. */
export function sayNamed(tables: readonly [Table, Table], log: RunContext['log']): void {
  const unnamed = tables.filter((table) => !hasColumn(table, SCORER)).flatMap(scoresOf);
  if (unnamed.length === 0 || !tables.some((table) => hasColumn(table, SCORER))) return;
  log('warning', `\`${SCORER}\` of the one table comes to name who gave ${unnamed.join(', ')} of the other, too`);
}

function scoresOf({ columns }: Table): string[] {
  return columns.map(({ name }) => name).filter((name) => name.startsWith(SCORE_PREFIX));
}
