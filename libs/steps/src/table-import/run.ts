import type { RunContext } from '@sonde/executor';
import { readTable, renameColumns, selectColumns, writeParquet } from '@sonde/tables';
import { input, strings } from '../inputs.ts';

/** `table/import`. */
export const run = async ({ config, output }: RunContext): Promise<void> => {
  const renamed = renameColumns(
    await readTable(input(config, 'source').path),
    (config.rename ?? {}) as Record<string, string>,
  );
  const columns = strings(config, 'columns');
  await writeParquet(output('table'), columns === undefined ? renamed : selectColumns(renamed, columns));
};
