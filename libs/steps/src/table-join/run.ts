import { UserError } from '@sonde/base';
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
  const [ofLeft, ofRight] = [joinKeys(left, on), joinKeys(right, on)];
  sayMatches(config, ofLeft, ofRight, log);
  sayRepeats(config, ofLeft, ofRight, log);
  const joined = joinTables(
    conflicts === 'right' ? without(left, shared) : left,
    conflicts === 'left' ? without(right, shared) : right,
    on,
    how,
  );
  await writeParquet(output('table'), joined);
}

/** Says how many rows of either table found a partner: one of the two may be larger, but not both be strange. */
function sayMatches({ unmatched }: Config, left: readonly Key[], right: readonly Key[], log: RunContext['log']): void {
  const ofLeft = counted('rows of the left table', left, new Set(right));
  const ofRight = counted('rows of the right table', right, new Set(left));
  const [better, other] = share(ofLeft) >= share(ofRight) ? [ofLeft, ofRight] : [ofRight, ofLeft];
  if (share(better) < 0.5) sayMatch({ rows: better, partners: other }, unmatched, log);
  else
    for (const said of [withoutPartner(ofLeft, ofRight), withoutPartner(ofRight, ofLeft)])
      if (said !== undefined) log('info', said);
}

/** Says which rows of the left table find several of the right. @throws UserError unless these are to be multiplied */
function sayRepeats(
  { repeats, on }: Config,
  left: readonly Key[],
  right: readonly Key[],
  log: RunContext['log'],
): void {
  const counts = new Map<Key, number>();
  for (const key of right) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  const values = tally();
  const seen = new Set<Key>();
  let [rows, pairs] = [0, 0];
  for (const key of left) {
    const count = counts.get(key) ?? 0;
    if (count < 2) continue;
    rows++;
    pairs += count;
    if (!seen.has(key)) values.add(key!);
    seen.add(key);
  }
  if (rows === 0) return;
  const more = values.count() > values.examples.length ? ', …' : '';
  const what = `${values.count()} ${values.count() === 1 ? 'value' : 'values'} of ${on.join(', ')} (${values.examples.join('; ')}${more})`;
  const said = `${what} stand in several rows of the right table: ${rows} of ${left.length} rows of the left table give ${pairs} rows`;
  if (repeats === 'multiply') {
    log('info', said);
    return;
  }
  throw new UserError(
    'ids',
    said,
    'Join on more columns, or take one row of each from the right table (`table/filter`). `repeats: multiply` gives a row for each pair.',
  );
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

function without(table: Table, names: ReadonlySet<string>): Table {
  return selectColumns(
    table,
    table.columns.map(({ name }) => name).filter((name) => !names.has(name)),
  );
}
