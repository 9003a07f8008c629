import type { RunContext } from '@sonde/executor';
import { hasColumn, joinTables, readTable, selectColumns, type Table, writeParquet } from '@sonde/tables';
import { input, strings } from '../inputs.ts';

const without = (table: Table, names: ReadonlySet<string>): Table =>
  selectColumns(
    table,
    table.columns.map(({ name }) => name).filter((name) => !names.has(name)),
  );

/** `table/join`. */
export const run = async ({ config, output }: RunContext): Promise<void> => {
  const left = await readTable(input(config, 'left').path);
  const right = await readTable(input(config, 'right').path);
  const on = strings(config, 'on')!;
  const shared = new Set(
    left.columns.map(({ name }) => name).filter((name) => hasColumn(right, name) && !on.includes(name)),
  );
  const joined = joinTables(
    config.conflicts === 'right' ? without(left, shared) : left,
    config.conflicts === 'left' ? without(right, shared) : right,
    on,
    config.how as 'inner' | 'left',
  );
  await writeParquet(output('table'), joined);
};
