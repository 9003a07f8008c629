import type { RunContext } from '@sonde/executor';
import { type FilterSpec, filterTable, readTable, writeParquet } from '@sonde/tables';
import { input } from '../inputs.ts';

/** `table/filter`. */
export const run = async ({ config, output }: RunContext): Promise<void> => {
  const table = await readTable(input(config, 'table').path);
  await writeParquet(output('table'), filterTable(table, config.where as unknown as FilterSpec[]));
};
