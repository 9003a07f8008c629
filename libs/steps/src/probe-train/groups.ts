import type { RunContext } from '@sonde/executor';
import type { Prompts } from '@sonde/formats';
import { nearDuplicateKey } from '../shared/near-duplicates.ts';
import type { Config } from './config.ts';
import { columnValues } from './prompt-column.ts';

/**
 * What each prompt belongs to, by its id: prompts of one group share a fold, so that no probe is tested on a text that
 * it was trained on. Near-duplicates share a group; with `group`, so do prompts of one value in that column.
 */
export async function groupPrompts(
  { group, prompts: source }: Config,
  prompts: Prompts,
  log: RunContext['log'],
): Promise<ReadonlyMap<string, string>> {
  const all = [...prompts.byId.values()];
  const keys = all.map(({ text }) => nearDuplicateKey(text));
  const repeated = all.length - new Set(keys).size;
  if (repeated > 0)
    log(
      'warning',
      `${repeated} of ${all.length} prompts repeat another one but for case and white space; each shares the fold of its first`,
    );
  const values = group === undefined ? undefined : await columnValues(source, group, 'group');
  const first = new Map<string, string>();
  const firstOf = (kind: string, key: string, id: string): string => {
    const name = JSON.stringify([kind, key]);
    if (!first.has(name)) first.set(name, id);
    return first.get(name)!;
  };
  // Union of both relations: a group's prompts and their near-duplicates elsewhere are one.
  const parent = new Map(all.map(({ prompt_id }) => [prompt_id, prompt_id]));
  const rootOf = (id: string): string => {
    let root = id;
    while (parent.get(root) !== root) root = parent.get(root)!;
    parent.set(id, root);
    return root;
  };
  for (const [i, { prompt_id: id }] of all.entries()) {
    const value = values?.[i];
    const others = [
      firstOf('text', keys[i]!, id),
      ...(value === undefined || value === null ? [] : [firstOf('group', String(value), id)]),
    ];
    for (const other of others) parent.set(rootOf(id), rootOf(other));
  }
  return new Map(all.map(({ prompt_id }) => [prompt_id, rootOf(prompt_id)]));
}
