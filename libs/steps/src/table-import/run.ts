import type { RunContext } from '@sonde/executor';
import { readTable, renameColumns, selectColumns, writeParquet } from '@sonde/tables';
import type { Config } from './kind.ts';

/** `table/import`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
  const { source, rename = {}, columns } = config;
  const renamed = renameColumns(await readTable(source.path), rename);
  await writeParquet(output('table'), columns === undefined ? renamed : selectColumns(renamed, columns));
}
