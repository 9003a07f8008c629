import type { RunContext } from '@sonde/executor';
import {
  addColumn,
  concatTables,
  type FilterSpec,
  filterTable,
  hasColumn,
  joinTables,
  readTable,
  renameColumns,
  selectColumns,
  type Table,
  writeParquet,
} from '@sonde/tables';
import { input, inputs, strings } from '../inputs.ts';

/** `table/import`. */
export const importTable = async ({ config, output }: RunContext): Promise<void> => {
  const renamed = renameColumns(
    await readTable(input(config, 'source').path),
    (config.rename ?? {}) as Record<string, string>,
  );
  const columns = strings(config, 'columns');
  await writeParquet(output('table'), columns === undefined ? renamed : selectColumns(renamed, columns));
};

/** `table/filter`. */
export const filter = async ({ config, output }: RunContext): Promise<void> => {
  const table = await readTable(input(config, 'table').path);
  await writeParquet(output('table'), filterTable(table, config.where as unknown as FilterSpec[]));
};

const without = (table: Table, names: ReadonlySet<string>): Table =>
  selectColumns(
    table,
    table.columns.map(({ name }) => name).filter((name) => !names.has(name)),
  );

/** `table/join`. */
export const join = async ({ config, output }: RunContext): Promise<void> => {
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

/** `table/concat`: the axes that tell collected tables apart become columns, unless a column has that name. */
export const concat = async ({ config, output }: RunContext): Promise<void> => {
  const tables = await Promise.all(
    inputs(config, 'tables').map(async ({ path, axes }) => {
      let table = await readTable(path);
      for (const [axis, value] of Object.entries(axes)) {
        if (hasColumn(table, axis)) continue;
        const label = typeof value === 'string' ? value : JSON.stringify(value);
        table = addColumn(table, { name: axis, type: 'string', values: new Array<string>(table.rowCount).fill(label) });
      }
      return table;
    }),
  );
  await writeParquet(output('table'), concatTables(tables));
};
