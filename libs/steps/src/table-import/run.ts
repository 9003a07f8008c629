import type { RunContext } from '@sonde/executor';
import { renameColumns, writeParquet } from '@sonde/tables';
import { readBrought } from '../shared/brought.ts';
import { sayWrittenOut } from '../shared/texts.ts';
import type { Config } from './config.ts';

/** `table/import`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const { source, rename = {}, columns, missing } = config;
  const oldName = new Map(Object.entries(rename).map(([old, now]) => [now, old]));
  const wanted = columns?.map((name) => oldName.get(name) ?? name);
  const table = await readBrought(source, { ...(wanted && { columns: wanted }), ...(missing && { missing }) }, log);
  sayWrittenOut(table, log);
  const kept = Object.fromEntries(
    Object.entries(rename).filter(([, now]) => columns === undefined || columns.includes(now)),
  );
  await writeParquet(output('table'), renameColumns(table, kept));
}
