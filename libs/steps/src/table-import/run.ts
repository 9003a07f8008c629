import type { RunContext } from '@sonde/executor';
import { readTable, renameColumns, writeParquet } from '@sonde/tables';
import type { Config } from './config.ts';

/** `table/import`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
  const { source, rename = {}, columns } = config;
  const oldName = new Map(Object.entries(rename).map(([old, now]) => [now, old]));
  const wanted = columns?.map((name) => oldName.get(name) ?? name);
  const table = await readTable(source.path, wanted === undefined ? {} : { columns: wanted });
  const kept = Object.fromEntries(
    Object.entries(rename).filter(([, now]) => columns === undefined || columns.includes(now)),
  );
  await writeParquet(output('table'), renameColumns(table, kept));
}
