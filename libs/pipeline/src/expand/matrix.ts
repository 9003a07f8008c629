import type { Problems } from '../diagnostics/problems.ts';
import type { AxisValues } from '../values/axes.ts';
import type { Located, LocatedEntry, LocatedMap, Range } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { NAME, suggest } from '../values/words.ts';
import { type AxisValueMaker, createAxisValues, type LocatedAxisValue } from './axis-values.ts';

export const MAX_TASKS = 100_000;

/** One combination of a matrix. */
export interface Combination {
  /** What tells this combination from the others. */
  readonly axes: AxisValues;
  /** What `matrix.*` sees: the axes, and what `include:` adds to them. */
  readonly values: ReadonlyMap<string, LocatedAxisValue>;
}

export const NO_MATRIX: readonly Combination[] = [{ axes: new Map(), values: new Map() }];

type Draft = Map<string, LocatedAxisValue>;
type Entry = ReadonlyMap<string, LocatedAxisValue>;

/** Values that the combinations of one matrix may have together. */
const MAX_CELLS = 8_000_000;
/** Combinations that may be looked at for all sets of axes that `exclude:` or `include:` name. */
const MAX_LOOKUPS = 20_000_000;

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
  const axes = readAxes(matrix, maker, problems);
  if (axes === undefined || problems.errorCount() > before) return undefined;
  const product = multiply(axes);
  const kept = exclude(product, new Set(axes.keys()), matrix, maker, problems);
  const drafts = kept === undefined ? undefined : include(axes.size === 0 ? [] : kept, matrix, maker, problems);
  if (drafts === undefined || problems.errorCount() > before) return undefined;
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
  return withAxes(drafts, [...axes.keys()], matrix, problems);
}

function readAxes(
  matrix: LocatedMap,
  maker: AxisValueMaker,
  problems: Problems,
): ReadonlyMap<string, readonly LocatedAxisValue[]> | undefined {
  const axes = new Map<string, readonly LocatedAxisValue[]>();
  let combinations = 1;
  for (const [name, entry] of matrix.entries) {
    if (name === 'exclude' || name === 'include') continue;
    checkAxisName(name, entry.keyRange, problems);
    const values = readAxis(name, entry, problems);
    if (values === undefined) continue;
    combinations *= values.length;
    if (combinations > MAX_TASKS) {
      problems.error('SND152', entry.keyRange, `the matrix has more than ${MAX_TASKS} combinations`);
      return undefined;
    }
    const seen = new Set<LocatedAxisValue>();
    for (const node of values) {
      const value = maker.make(name, node);
      if (seen.has(value)) problems.error('SND150', node.range, `the axis \`${name}\` has ${value.label} twice`);
      seen.add(value);
    }
    axes.set(name, [...seen]);
    if (combinations * axes.size > MAX_CELLS) {
      tooManyValues(entry.keyRange, problems);
      return undefined;
    }
  }
  return axes;
}

function tooManyValues(range: Range, problems: Problems): void {
  problems.error('SND152', range, `the combinations of the matrix have more than ${MAX_CELLS} values together`);
}

/** Every combination; the last axis changes first. */
function multiply(axes: ReadonlyMap<string, readonly LocatedAxisValue[]>): readonly Draft[] {
  const lists = [...axes];
  const total = lists.reduce((count, [, values]) => count * values.length, 1);
  const drafts: Draft[] = [];
  for (let at = 0; at < total; at++) {
    const draft: Draft = new Map();
    let every = total;
    for (const [name, values] of lists) {
      every /= values.length;
      draft.set(name, values[Math.floor(at / every) % values.length]!);
    }
    drafts.push(draft);
  }
  return drafts;
}

function exclude(
  drafts: readonly Draft[],
  axes: ReadonlySet<string>,
  matrix: LocatedMap,
  maker: AxisValueMaker,
  problems: Problems,
): readonly Draft[] | undefined {
  const patterns = createPatterns();
  for (const entry of readEntries(matrix, 'exclude', problems)) {
    const values = readEntry(entry, maker.make, problems, axes);
    if (values !== undefined) patterns.add(values, entry);
  }
  if (patterns.isTooMuch(drafts, matrix, 'exclude', problems)) return undefined;
  const kept = drafts.filter((draft) => {
    const found = patterns.matching(draft);
    for (const entry of found) entry.matched = true;
    return found.length === 0;
  });
  for (const { matched, node } of patterns.all()) {
    if (!matched)
      problems.warning(
        'SND153',
        node.range,
        'no combination matches this `exclude` entry',
        'its values must equal values of the axes',
      );
  }
  return kept;
}

function include(
  drafts: readonly Draft[],
  matrix: LocatedMap,
  maker: AxisValueMaker,
  problems: Problems,
): readonly Draft[] | undefined {
  const [any] = drafts;
  const own = new Set(any?.keys());
  const entries = readEntries(matrix, 'include', problems).flatMap((node) => {
    const values = readEntry(node, maker.make, problems, undefined);
    return values === undefined ? [] : [{ node, values }];
  });
  const patterns = createPatterns();
  const asked = entries.map(({ node, values }) => ({
    values,
    pattern: patterns.add(new Map([...values].filter(([name]) => own.has(name))), node),
  }));
  if (patterns.isTooMuch(drafts, matrix, 'include', problems)) return undefined;
  const members = new Map<Pattern, Draft[]>();
  for (const draft of drafts) {
    for (const pattern of patterns.matching(draft)) {
      const known = members.get(pattern);
      if (known === undefined) members.set(pattern, [draft]);
      else known.push(draft);
    }
  }
  const added: Draft[] = [];
  let cells = 0;
  for (const { values, pattern } of asked) {
    const matching = members.get(pattern) ?? [];
    cells += values.size * Math.max(1, matching.length);
    if (cells > MAX_CELLS) {
      tooManyValues(matrix.entries.get('include')?.keyRange ?? matrix.range, problems);
      return undefined;
    }
    // What an entry shares with a combination is the same there; what it adds is no axis.
    for (const draft of matching) for (const [name, value] of values) draft.set(name, value);
    if (matching.length === 0) added.push(new Map(values));
  }
  return [...drafts, ...added];
}

interface Pattern {
  readonly node: LocatedMap;
  matched: boolean;
}

/** Entries by the axes that they name and the values there: a combination finds its own without asking every entry. */
interface Patterns {
  /** Equal entries are one pattern. */
  add(values: Entry, node: LocatedMap): Pattern;
  matching(draft: Draft): readonly Pattern[];
  all(): readonly Pattern[];
  /** Whether looking up every combination would take too long; reported. */
  isTooMuch(drafts: readonly Draft[], matrix: LocatedMap, key: 'exclude' | 'include', problems: Problems): boolean;
}

function createPatterns(): Patterns {
  const bySignature = new Map<string, { readonly names: readonly string[]; readonly byKey: Map<string, Pattern> }>();
  const ids = new Map<LocatedAxisValue, number>();
  // Values are told apart by number: their keys can be long.
  const idOf = (value: LocatedAxisValue): number => {
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return id;
  };
  const all: Pattern[] = [];
  return {
    add: (values, node) => {
      const names = [...values.keys()].sort();
      const signature = names.join(' ');
      const group = bySignature.get(signature) ?? { names, byKey: new Map<string, Pattern>() };
      bySignature.set(signature, group);
      const key = names.map((name) => idOf(values.get(name)!)).join(' ');
      const pattern = group.byKey.get(key) ?? { node, matched: false };
      if (!group.byKey.has(key)) all.push(pattern);
      group.byKey.set(key, pattern);
      return pattern;
    },
    matching: (draft) => {
      const found: Pattern[] = [];
      for (const { names, byKey } of bySignature.values()) {
        const pattern = byKey.get(names.map((name) => ids.get(draft.get(name)!) ?? '').join(' '));
        if (pattern !== undefined) found.push(pattern);
      }
      return found;
    },
    all: () => all,
    isTooMuch: (drafts, matrix, key, problems) => {
      let names = 0;
      for (const group of bySignature.values()) names += 1 + group.names.length;
      if (names * drafts.length <= MAX_LOOKUPS) return false;
      problems.error(
        'SND152',
        matrix.entries.get(key)?.keyRange ?? matrix.range,
        `\`${key}:\` names ${bySignature.size} different sets of axes for ${drafts.length} combinations, which is too much to compare`,
        'name the same axes in most entries, or list the combinations with `include:` alone',
      );
      return true;
    },
  };
}

/** Finds the axes that tell all combinations apart. */
function withAxes(
  drafts: readonly Draft[],
  base: readonly string[],
  matrix: LocatedMap,
  problems: Problems,
): readonly Combination[] | undefined {
  const own = new Set(base);
  const having = new Map<string, number[]>();
  drafts.forEach((draft, at) => {
    for (const name of draft.keys()) {
      if (own.has(name)) continue;
      const known = having.get(name);
      if (known === undefined) having.set(name, [at]);
      else known.push(at);
    }
  });
  // What no entry of `include:` adds to is told apart by the axes that made it.
  if (!matrix.entries.has('include')) return drafts.map((draft) => ({ axes: draft, values: draft }));
  const groups = createGroups(drafts);
  for (const name of base) groups.split(name, drafts.keys());
  const names = [...base];
  for (const [extra, at] of having) {
    if (base.length > 0 && groups.count() === drafts.length) break;
    groups.split(extra, at);
    names.push(extra);
  }
  if (groups.count() < drafts.length) {
    problems.error(
      'SND151',
      matrix.entries.get('include')?.keyRange ?? matrix.range,
      '`include:` gives the same combination twice',
    );
    return undefined;
  }
  const order = new Map(names.map((name, at) => [name, at]));
  return drafts.map((draft) => ({
    axes: new Map([...draft].filter(([name]) => order.has(name)).sort(([a], [b]) => order.get(a)! - order.get(b)!)),
    values: draft,
  }));
}

interface Groups {
  /** Parts those that differ in this value; those that are not named have none. */
  split(name: string, members: Iterable<number>): void;
  count(): number;
}

/** Combinations in groups of equals. */
function createGroups(drafts: readonly Draft[]): Groups {
  const groupOf = new Uint32Array(drafts.length);
  const sizes = new Map<number, number>([[0, drafts.length]]);
  let next = 1;
  return {
    split: (name, members) => {
      const parts = new Map<number, Map<LocatedAxisValue, number>>();
      for (const at of members) {
        const value = drafts[at]!.get(name);
        if (value === undefined) continue;
        const group = groupOf[at]!;
        const known = parts.get(group) ?? new Map<LocatedAxisValue, number>();
        parts.set(group, known);
        const part = known.get(value) ?? next++;
        known.set(value, part);
        groupOf[at] = part;
        sizes.set(part, (sizes.get(part) ?? 0) + 1);
        const rest = sizes.get(group)! - 1;
        if (rest === 0) sizes.delete(group);
        else sizes.set(group, rest);
      }
    },
    count: () => sizes.size,
  };
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
  axes: ReadonlySet<string> | undefined,
): Draft | undefined {
  const values: Draft = new Map();
  let failed = false;
  for (const [name, { keyRange, value }] of entry.entries) {
    if (axes === undefined) checkAxisName(name, keyRange, problems);
    else if (!axes.has(name)) {
      problems.error('SND151', keyRange, `\`exclude:\` names \`${name}\`, which is no axis of this matrix`, () =>
        suggest(name, axes, 'axes'),
      );
      failed = true;
    }
    values.set(name, make(name, value));
  }
  return failed ? undefined : values;
}
