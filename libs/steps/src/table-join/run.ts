import type { RunContext } from '@sonde/executor';
import { hasColumn, joinTables, readTable, selectColumns, type Table, writeParquet } from '@sonde/tables';
import type { Config } from './kind.ts';

/** `table/join`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
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
  await writeParquet(output('table'), joined);
}

function without(table: Table, names: ReadonlySet<string>): Table {
  return selectColumns(
    table,
    table.columns.map(({ name }) => name).filter((name) => !names.has(name)),
  );
}
