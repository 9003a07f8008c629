import type { RunContext } from '@sonde/executor';
import { filterTable, readTable, writeParquet } from '@sonde/tables';
import type { Config } from './config.ts';

/** `table/filter`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
  await writeParquet(output('table'), filterTable(await readTable(config.table.path), config.where));
}
