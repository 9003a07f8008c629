import type { RunContext } from '@sonde/executor';
import { hasColumn, joinKeys, joinTables, readTable, selectColumns, type Table, writeParquet } from '@sonde/tables';
import { type Counted, sayMatch, tally, withoutPartner } from '../shared/matching.ts';
import type { Config } from './config.ts';

/** `table/join`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const { on, how, conflicts } = config;
  const left = await readTable(config.left.path);
  const right = await readTable(config.right.path);
  const shared = new Set(
    left.columns.map(({ name }) => name).filter((name) => hasColumn(right, name) && !on.includes(name)),
  );
  const joined = joinTables(
    conflicts === 'right' ? without(left, shared) : left,
    conflicts === 'left' ? without(right, shared) : right,
    on,
    how,
  );
  sayMatches(config, joinKeys(left, on), joinKeys(right, on), log);
  await writeParquet(output('table'), joined);
}

/** Says how many rows of either table found a partner: one of the two may be larger, but then has all of the other. */
function sayMatches(
  { unmatched, on }: Config,
  left: readonly Key[],
  right: readonly Key[],
  log: RunContext['log'],
): void {
  const ofLeft = counted('rows of the left table', left, new Set(right));
  const ofRight = counted('rows of the right table', right, new Set(left));
  const [better, other] = share(ofLeft) >= share(ofRight) ? [ofLeft, ofRight] : [ofRight, ofLeft];
  if (better.alone > 0) sayMatch({ rows: better, partners: other }, unmatched, log);
  else
    for (const said of [withoutPartner(ofLeft, ofRight), withoutPartner(ofRight, ofLeft)])
      if (said !== undefined) log('info', said);
  const inRight = repeated(right);
  const twice = [...repeated(left)].filter((key) => inRight.has(key));
  if (twice.length > 0) {
    const values = `${twice.length} values of ${on.join(', ')} stand in several rows of both tables (${twice[0]})`;
    log('warning', `${values}: each pair of them gives a row`);
  }
}

/** The values that a row is joined on, as JSON; null where one is null. */
type Key = string | null;

function counted(what: string, keys: readonly Key[], others: ReadonlySet<Key>): Counted {
  const alone = tally();
  for (const key of keys) if (key === null || !others.has(key)) alone.add(key ?? 'null');
  return { what, total: keys.length, alone: alone.count(), examples: alone.examples };
}

function share({ total, alone }: Counted): number {
  return total === 0 ? 1 : 1 - alone / total;
}

function repeated(keys: readonly Key[]): ReadonlySet<string> {
  const seen = new Set<Key>();
  const found = new Set<string>();
  for (const key of keys) {
    if (key !== null && seen.has(key)) found.add(key);
    seen.add(key);
  }
  return found;
}

function without(table: Table, names: ReadonlySet<string>): Table {
  return selectColumns(
    table,
    table.columns.map(({ name }) => name).filter((name) => !names.has(name)),
  );
}
