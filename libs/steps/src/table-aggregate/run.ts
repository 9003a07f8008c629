import { groupBy, UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { quantile, standardDeviation } from '@sonde/statistics';
import {
  type Column,
  column,
  selectColumns,
  selectRows,
  type Table,
  tableFromColumns,
  writeParquet,
} from '@sonde/tables';
import { readAny } from '../shared/brought.ts';
import { type AggregateFunction, type Config, columnsOf, ROWS } from './config.ts';

/** `table/aggregate`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  await writeParquet(output('table'), aggregate(await readAny(config.table, log), config));
}

function aggregate(table: Table, { by, of, nulls }: Omit<Config, 'table'>): Table {
  const keys = by.map((name) => column(table, name));
  const keyOf = (row: number): string => JSON.stringify(keys.map(({ values }) => plain(values[row])));
  const all = Array.from({ length: table.rowCount }, (_, row) => row);
  const groups = by.length === 0 ? [all] : [...groupBy(all, keyOf).values()];
  const firsts = groups.map(([row]) => row!);
  const named = by.length === 0 ? [] : selectRows(selectColumns(table, by), firsts).columns;
  const counts: Column = { name: ROWS, type: 'int32', values: groups.map(({ length }) => length) };
  return tableFromColumns([...named, counts, ...of.flatMap((each) => columnsFor(table, groups, each, nulls))]);
}

/** JSON has no integers of 64 bits. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

function columnsFor(
  table: Table,
  groups: readonly (readonly number[])[],
  of: Config['of'][number],
  nulls: Config['nulls'],
): Column[] {
  const source = column(table, of.column);
  const onlyCounted = of.functions.every((name) => name === 'count') && of.quantiles === undefined;
  const found = groups.map((rows) => {
    const known = rows.filter((row) => source.values[row] !== null);
    if (nulls === 'error' && known.length < rows.length) {
      const row = rows.find((each) => source.values[each] === null)!;
      throw new UserError('table', `Column "${source.name}", row ${row}: there is no value, and \`nulls: error\`.`);
    }
    const whole = nulls !== 'keep' || known.length === rows.length;
    const values = onlyCounted ? [] : known.map((row) => numberAt(source, row)).sort((a, b) => a - b);
    return { count: known.length, values: whole ? Float64Array.from(values) : null };
  });
  const functions = of.functions.map((name) =>
    found.map(({ count, values }) => (name === 'count' ? count : values && FUNCTIONS[name](values))),
  );
  const quantiles = (of.quantiles ?? []).map((level) =>
    found.map(({ values }) => (values === null || values.length === 0 ? null : quantile(values, level))),
  );
  return columnsOf(of).map((name, i): Column => {
    const values = [...functions, ...quantiles][i]!;
    return of.functions[i] === 'count'
      ? { name, type: 'int32', values: values as number[] }
      : { name, type: 'float64', values };
  });
}

/** Of values in order, so that no sum depends on the order of the rows. */
const FUNCTIONS: Readonly<Record<Exclude<AggregateFunction, 'count'>, (sorted: Float64Array) => number | null>> = {
  mean: (values) => (values.length === 0 ? null : sum(values) / values.length),
  sd: standardDeviation,
  min: (values) => values[0] ?? null,
  max: (values) => values.at(-1) ?? null,
  median: (values) => (values.length === 0 ? null : quantile(values, 0.5)),
  sum,
};

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function numberAt({ name, type, values }: Column, row: number): number {
  const value = values[row];
  const number = typeof value === 'string' || typeof value === 'object' ? Number.NaN : Number(value);
  if (Number.isFinite(number)) return number;
  throw new UserError(
    'table',
    `Column "${name}", row ${row}: ${type === 'float64' ? `${value} cannot be aggregated` : `values of type ${type} can be counted alone`}.`,
    type === 'float64' ? 'Leave such rows out with table/filter.' : 'Ask for `functions: [count]`.',
  );
}
