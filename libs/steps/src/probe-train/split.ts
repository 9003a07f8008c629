import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { groupedFolds } from '@sonde/probing';
import type { Config } from './config.ts';
import { columnValues } from './prompt-column.ts';

export type Side = 'train' | 'test';

/**
 * On which side of the user's own split each prompt is, by its id; absent where on neither.
 *
 * @throws UserError where the column has no `train` or no `test`
 */
export async function readSplit(
  { split, prompts }: Config,
  ids: readonly string[],
  log: RunContext['log'],
): Promise<ReadonlyMap<string, Side> | undefined> {
  if (split === undefined) return undefined;
  const values = await columnValues(prompts, split, 'split');
  const sides = new Map<string, Side>();
  for (const [i, id] of ids.entries()) {
    const value = values[i];
    if (value === 'train' || value === 'test') sides.set(id, value);
  }
  const present = new Set(sides.values());
  if (present.size < 2) {
    const found = [...new Set(values.map(String))].slice(0, 8).join(', ');
    throw new UserError(
      'input',
      `the column ${split} of the prompts says ${present.size === 0 ? 'neither `train` nor `test`' : `\`${[...present][0]}\` alone`}; it holds ${found}`,
      'Write `train` or `test` into it for each prompt that is to be probed.',
    );
  }
  const others = ids.length - sides.size;
  if (others > 0)
    log(
      'warning',
      `${others} of ${ids.length} prompts are neither \`train\` nor \`test\` in ${split}: they are left out`,
    );
  return sides;
}

/** Says how many prompts of the test side share a group with one of the training side: a probe has seen their like. */
export function sayStraddling(
  sides: ReadonlyMap<string, Side>,
  groupOf: ReadonlyMap<string, string>,
  log: RunContext['log'],
): void {
  const trained = new Set([...sides].flatMap(([id, side]) => (side === 'train' ? [groupOf.get(id)!] : [])));
  const tests = [...sides].filter(([, side]) => side === 'test');
  const seen = tests.filter(([id]) => trained.has(groupOf.get(id)!)).length;
  if (seen > 0) {
    log(
      'warning',
      `${seen} of ${tests.length} test prompts share a group (or all but case and white space) with a training prompt: their scores say how well it is remembered`,
    );
  }
}

/** Folds of a split: the test side is fold 0, the only one held out; the training side is divided into the others. */
export function splitFolds(
  rowSides: readonly (Side | undefined)[],
  groups: readonly string[],
  folds: number,
  seed: number,
): Int32Array {
  const train = rowSides.flatMap((side, row) => (side === 'train' ? [row] : []));
  const inner = groupedFolds(
    train.map((row) => groups[row]!),
    folds,
    seed,
  );
  const out = new Int32Array(rowSides.length);
  for (const [i, row] of train.entries()) out[row] = inner[i]! + 1;
  return out;
}
