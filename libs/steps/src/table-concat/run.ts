import type { RunContext } from '@sonde/executor';
import { addColumn, concatTables, hasColumn, writeParquet } from '@sonde/tables';
import { readAny } from '../shared/brought.ts';
import type { Config } from './config.ts';

/** `table/concat`: the axes that tell collected tables apart become columns, unless a column has that name. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const tables = await Promise.all(
    config.tables.map(async (source) => {
      let table = await readAny(source, log);
      for (const [axis, value] of Object.entries(source.axes)) {
        if (hasColumn(table, axis)) continue;
        const label = typeof value === 'string' ? value : JSON.stringify(value);
        table = addColumn(table, { name: axis, type: 'string', values: new Array<string>(table.rowCount).fill(label) });
      }
      return table;
    }),
  );
  await writeParquet(output('table'), concatTables(tables));
}
