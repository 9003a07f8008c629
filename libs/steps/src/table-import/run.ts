import type { RunContext } from '@sonde/executor';
import { readTable, renameColumns, writeParquet } from '@sonde/tables';
import { input, strings } from '../inputs.ts';

/** `table/import`. */
export const run = async ({ config, output }: RunContext): Promise<void> => {
  const rename = (config.rename ?? {}) as Record<string, string>;
  const columns = strings(config, 'columns');
  const oldName = new Map(Object.entries(rename).map(([old, now]) => [now, old]));
  const wanted = columns?.map((name) => oldName.get(name) ?? name);
  const table = await readTable(input(config, 'source').path, wanted === undefined ? {} : { columns: wanted });
  const kept = Object.fromEntries(
    Object.entries(rename).filter(([, now]) => columns === undefined || columns.includes(now)),
  );
  await writeParquet(output('table'), renameColumns(table, kept));
};
