import type { Problems } from '../diagnostics/problems.ts';
import type { AxisValues } from '../values/axes.ts';
import type { Located, LocatedEntry, LocatedMap, Range } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { NAME, suggest } from '../values/words.ts';
import { createAxisValues, type LocatedAxisValue } from './axis-values.ts';

export const MAX_TASKS = 200_000;

/** One combination of a matrix. */
export interface Combination {
  /** What tells this combination from the others. */
  readonly axes: AxisValues;
  /** What `matrix.*` sees: the axes, and what `include:` adds to them. */
  readonly values: ReadonlyMap<string, Located>;
}

export const NO_MATRIX: readonly Combination[] = [{ axes: new Map(), values: new Map() }];

type Draft = Map<string, LocatedAxisValue>;

/**
 * Expands an evaluated `matrix:` as GitHub Actions does: the product of the axes, less what `exclude:` matches, then
 * `include:`, which adds values to the combinations that it contradicts nowhere, or else adds a combination.
 *
 * The axes are the keys of the matrix. A key that only `include:` brings is an axis if there are no others, or where
 * two combinations could not be told apart without it. Undefined where something is wrong.
 */
export function expandMatrix(matrix: LocatedMap, problems: Problems): readonly Combination[] | undefined {
  const before = problems.errorCount();
  const maker = createAxisValues();
  const base: string[] = [];
  let drafts: Draft[] = [new Map()];
  for (const [name, entry] of matrix.entries) {
    if (name === 'exclude' || name === 'include') continue;
    checkAxisName(name, entry.keyRange, problems);
    const values = readAxis(name, entry, problems);
    if (values === undefined) continue;
    base.push(name);
    if (drafts.length * values.length > MAX_TASKS) {
      problems.error(
        'SND152',
        matrix.entries.get(name)!.keyRange,
        `the matrix has more than ${MAX_TASKS} combinations`,
      );
      return undefined;
    }
    const made = values.map((value) => maker.make(name, value));
    made.forEach((value, at) => {
      if (made.indexOf(value) < at)
        problems.error('SND150', values[at]!.range, `the axis \`${name}\` has ${value.label} twice`);
    });
    drafts = drafts.flatMap((draft) => made.map((value) => new Map(draft).set(name, value)));
  }
  if (problems.errorCount() > before) return undefined;

  for (const entry of readEntries(matrix, 'exclude', problems)) {
    const pattern = readEntry(entry, maker.make, problems, base);
    if (pattern === undefined) continue;
    const kept = drafts.filter((draft) => ![...pattern].every(([name, value]) => draft.get(name) === value));
    if (kept.length === drafts.length)
      problems.warning(
        'SND153',
        entry.range,
        'no combination matches this `exclude` entry',
        'its values must equal values of the axes',
      );
    drafts = kept;
  }
  const added: Draft[] = [];
  const originals = base.length === 0 ? [] : drafts.map((draft) => ({ draft, base: new Map(draft) }));
  for (const entry of readEntries(matrix, 'include', problems)) {
    const values = readEntry(entry, maker.make, problems, undefined);
    if (values === undefined) continue;
    const matching = originals.filter(({ base: own }) =>
      [...values].every(([name, value]) => !own.has(name) || own.get(name) === value),
    );
    for (const { draft } of matching) for (const [name, value] of values) draft.set(name, value);
    if (matching.length === 0) added.push(values);
  }
  drafts = [...(base.length === 0 ? [] : drafts), ...added];
  if (problems.errorCount() > before) return undefined;
  if (drafts.length === 0) {
    problems.error(
      'SND150',
      matrix.range,
      'the matrix has no combination',
      matrix.entries.has('exclude')
        ? '`exclude:` leaves none'
        : 'give it at least one axis, for example `model: [a, b]`',
    );
    return undefined;
  }
  maker.settle();
  return withAxes(drafts, base, matrix, problems);
}

function withAxes(
  drafts: readonly Draft[],
  base: readonly string[],
  matrix: LocatedMap,
  problems: Problems,
): readonly Combination[] | undefined {
  const extras = new Set<string>();
  for (const draft of drafts) for (const name of draft.keys()) if (!base.includes(name)) extras.add(name);
  const distinct = (names: readonly string[]): boolean =>
    new Set(drafts.map((draft) => names.map((name) => draft.get(name)?.key ?? '').join('\n'))).size === drafts.length;
  let names: readonly string[] = base.length === 0 ? [...extras] : base;
  for (const extra of extras) {
    if (distinct(names)) break;
    if (!names.includes(extra)) names = [...names, extra];
  }
  if (!distinct(names)) {
    problems.error(
      'SND151',
      matrix.entries.get('include')?.keyRange ?? matrix.range,
      '`include:` gives the same combination twice',
    );
    return undefined;
  }
  return drafts.map((draft) => ({
    axes: new Map(names.flatMap((name) => (draft.has(name) ? [[name, draft.get(name)!] as const] : []))),
    values: new Map([...draft].map(([name, value]) => [name, value.node])),
  }));
}

export function checkAxisName(name: string, range: Range, problems: Problems): void {
  if (!NAME.test(name))
    problems.error(
      'SND109',
      range,
      `\`${name}\` is not a name for an axis`,
      'lower-case letters, digits, `_` and `-`, a letter first',
    );
}

function readAxis(name: string, entry: LocatedEntry, problems: Problems): readonly Located[] | undefined {
  const { value } = entry;
  if (value.type === 'broken') return undefined;
  const range = value.use ?? value.range;
  if (value.type !== 'list') {
    problems.error(
      'SND150',
      range,
      `the axis \`${name}\` must be a list, found ${describeNode(value)}`,
      'for example [a, b]',
    );
    return undefined;
  }
  if (value.items.length === 0) {
    problems.error(
      'SND150',
      range,
      `the axis \`${name}\` has no values`,
      'an axis needs at least one value; with none, the step and all that follows it would not exist',
    );
    return undefined;
  }
  return value.items.some((item) => item.type === 'broken') ? undefined : value.items;
}

function readEntries(matrix: LocatedMap, key: 'exclude' | 'include', problems: Problems): readonly LocatedMap[] {
  const value = matrix.entries.get(key)?.value;
  if (value === undefined || value.type === 'broken') return [];
  if (value.type !== 'list') {
    problems.error('SND151', value.range, `\`${key}:\` must be a list of maps, found ${describeNode(value)}`);
    return [];
  }
  return value.items.flatMap((item) => {
    if (item.type === 'map' && item.entries.size > 0) return [item];
    if (item.type !== 'broken')
      problems.error(
        'SND151',
        item.range,
        `an entry of \`${key}:\` is a map from axis names to values, found ${item.type === 'map' ? 'an empty map' : describeNode(item)}`,
      );
    return [];
  });
}

function readEntry(
  entry: LocatedMap,
  make: (axis: string, node: Located) => LocatedAxisValue,
  problems: Problems,
  axes: readonly string[] | undefined,
): Draft | undefined {
  const values: Draft = new Map();
  let failed = false;
  for (const [name, { keyRange, value }] of entry.entries) {
    if (axes === undefined) checkAxisName(name, keyRange, problems);
    else if (!axes.includes(name)) {
      problems.error(
        'SND151',
        keyRange,
        `\`exclude:\` names \`${name}\`, which is no axis of this matrix`,
        suggest(name, axes, 'axes'),
      );
      failed = true;
    }
    values.set(name, make(name, value));
  }
  return failed ? undefined : values;
}
