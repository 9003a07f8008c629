import { rmSync } from 'node:fs';
import path from 'node:path';
import { bringResults, paramsFileIn, readBundle, writeFiles } from '@sonde/bundles';
import { openStore } from '@sonde/store';
import { storeFolder } from './api.ts';
import { count } from './format.ts';
import { type Terminal, visible } from './terminal.ts';

/** Whether a command's FILE is a bundle, by its name. */
export function isBundle(file: string): boolean {
  return file.endsWith('.sonde');
}

export interface OpenedBundle {
  /** The pipeline's path. */
  readonly file: string;
  /** The values of its parameters, where they are not its own. */
  readonly params: string | undefined;
}

/** Opens a bundle for one command: its results into the store, its files into scratch that goes when the process does. */
export async function openForCommand(
  file: string,
  options: { readonly store?: string },
  terminal: Terminal,
): Promise<OpenedBundle> {
  const bundle = await readBundle(file);
  try {
    const store = await openStore(storeFolder(options.store));
    const scratch = await store.scratch();
    process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
    const folder = path.join(scratch, 'bundle');
    const { results, different } = await bringResults(bundle, store);
    const pipeline = await writeFiles(bundle, folder);
    if (results > 0) terminal.note(`${count(results, 'result')} of ${file} brought into the store`);
    for (const line of differenceText(different)) terminal.error(line);
    return { file: pipeline, params: paramsFileIn(bundle, folder) };
  } finally {
    bundle.close();
  }
}

/** Says which results of a bundle are not those that are here. */
export function differenceText(different: readonly string[]): string[] {
  if (different.length === 0) return [];
  const more = different.length > 5 ? ` and ${different.length - 5} more` : '';
  const tasks = different.slice(0, 5).join(', ');
  return [visible(`The store has other bytes than the bundle for ${tasks}${more}: its own stay.`)];
}
