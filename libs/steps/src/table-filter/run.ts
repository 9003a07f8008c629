import type { RunContext } from '@sonde/executor';
import { filterTable, writeParquet } from '@sonde/tables';
import { readAny } from '../shared/brought.ts';
import type { Config } from './config.ts';

/** `table/filter`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  await writeParquet(output('table'), filterTable(await readAny(config.table, log), config.where));
}
