import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { hasColumn, joinKeys, joinTables, selectColumns, type Table, writeParquet } from '@sonde/tables';
import { readAny } from '../shared/brought.ts';
import { type Counted, sayMatch, tally, withoutPartner } from '../shared/matching.ts';
import type { Config } from './config.ts';
import { sayNamed, scoresThatYield } from './scorer.ts';

/** `table/join`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const { on, how, conflicts } = config;
  const left = await readAny(config.left, log);
  const right = await readAny(config.right, log);
  const shared = new Set(
    left.columns.map(({ name }) => name).filter((name) => hasColumn(right, name) && !on.includes(name)),
  );
  const [leftKeys, rightKeys] = [joinKeys(left, on), joinKeys(right, on)];
  sayMatches(config, leftKeys, rightKeys, log);
  checkRepeats(config, leftKeys, rightKeys);
  if (conflicts === 'error') sayNamed([left, right], log);
  const yielding = (table: Table, other: Table) =>
    without(table, new Set([...shared, ...scoresThatYield(table, other, log)]));
  const joined = joinTables(
    conflicts === 'right' ? yielding(left, right) : left,
    conflicts === 'left' ? yielding(right, left) : right,
    on,
    how,
  );
  await writeParquet(output('table'), joined);
}

/** Says how many rows of either table found a partner: one of the two may be larger, but then has all of the other. */
function sayMatches({ unmatched }: Config, left: readonly Key[], right: readonly Key[], log: RunContext['log']): void {
  const ofLeft = counted('rows of the left table', left, new Set(right));
  const ofRight = counted('rows of the right table', right, new Set(left));
  const [better, other] = share(ofLeft) >= share(ofRight) ? [ofLeft, ofRight] : [ofRight, ofLeft];
  if (better.alone > 0) sayMatch({ rows: better, partners: other }, unmatched, log);
  else
    for (const said of [withoutPartner(ofLeft, ofRight), withoutPartner(ofRight, ofLeft)])
      if (said !== undefined) log('info', said);
}

/**
 * Holds how often values stand in either table against what is meant. Where nothing is said, no row of the left table may
 * become several: tables that both have a value twice give a row for each pair, which is hardly ever wanted.
 *
 * @throws UserError where a side has a value several times that may have it once
 */
function checkRepeats({ validate, on }: Config, left: readonly Key[], right: readonly Key[]): void {
  const [ofLeft, ofRight] = [repeated(left), repeated(right)];
  const say = (keys: readonly string[], where: string) =>
    `${keys.length} ${keys.length === 1 ? 'value' : 'values'} of ${on.join(', ')} ${keys.length === 1 ? 'stands' : 'stand'} in several rows of ${where} (${keys.slice(0, 2).join('; ')}${keys.length > 2 ? ', …' : ''})`;
  if (validate !== undefined) {
    const [mayLeft, mayRight] = validate.split('_to_');
    for (const [side, may, keys] of [
      ['left', mayLeft, ofLeft],
      ['right', mayRight, ofRight],
    ] as const) {
      if (may !== 'one' || keys.size === 0) continue;
      throw new UserError('ids', say([...keys], `the ${side} table`), `\`validate: ${validate}\` allows one.`);
    }
    return;
  }
  const both = [...ofLeft].filter((key) => ofRight.has(key));
  if (both.length > 0) {
    throw new UserError(
      'ids',
      `${say(both, 'both tables')}: each pair of them would give a row`,
      'Join on more columns, take one row of each with table/filter, or say `validate: many_to_many` where pairs are meant.',
    );
  }
  const used = new Set(left);
  const many = [...ofRight].filter((key) => used.has(key));
  if (many.length > 0) {
    throw new UserError(
      'ids',
      `${say(many, 'the right table')}: rows of the left table would become several`,
      'Join on more columns, or say `validate: one_to_many` where that is meant.',
    );
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
