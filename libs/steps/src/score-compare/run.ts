import type { RunContext } from '@sonde/executor';
import { CALIBRATION, COMPARISON, chooseAttributes, DISAGREEMENTS, type RowOf, writeRows } from '@sonde/formats';
import { calibrationCurve, resampler } from '@sonde/statistics';
import type { Config } from './config.ts';
import { groupsOf } from './groups.ts';
import { measureGroup, type Pairs } from './measures.ts';
import { modelRows } from './models.ts';
import { type PairedTable, readPairs } from './pairs.ts';

type Disagreement = RowOf<typeof DISAGREEMENTS>;

/** `score/compare`. */
export async function run({ config, output, progress, log, signal }: RunContext<Config>): Promise<void> {
  const tables = await readPairs({ config, log });
  const groups = groupsOf(tables, config.lengths);
  const units = unitsOf(tables);
  const { seed, resamples: count } = config.bootstrap;
  const resamples = resampler(seed, 'score comparison', count);
  const [scorer, reference] = [namesOf(tables, 'scorers'), namesOf(tables, 'referenceScorers')];
  const comparison: RowOf<typeof COMPARISON>[] = [];
  const calibration: RowOf<typeof CALIBRATION>[] = [];
  const disagreements: Disagreement[] = [];
  const attributes = attributesOf(tables, config);
  for (const [done, attribute] of attributes.entries()) {
    const pairs: Pairs = {
      scores: below(tables, ({ scores }) => scores.get(attribute)!),
      references: below(tables, ({ references }) => references.get(attribute)!),
      units,
    };
    const measured = groups.flatMap((group) => {
      signal.throwIfAborted();
      return measureGroup(pairs, group, config, resamples);
    });
    const rows = [...measured, ...modelRows(tables, attribute, config, resamples)];
    comparison.push(...rows.map((row) => ({ ...row, attribute, scorer, reference })));
    calibration.push(...curveOf(pairs, config.bins).map((bin) => ({ attribute, ...bin })));
    disagreements.push(...furthest(tables, attribute, pairs, config.examples));
    progress(done + 1, attributes.length, 'attributes');
  }
  await writeRows(output('comparison'), COMPARISON, comparison);
  await writeRows(output('calibration'), CALIBRATION, calibration);
  await writeRows(output('disagreements'), DISAGREEMENTS, disagreements);
}

/** What both sides have scores of. */
function attributesOf(tables: readonly PairedTable[], { attributes }: Config): readonly string[] {
  const common = [...(tables[0]?.scores.keys() ?? [])].filter((attribute) =>
    tables.every(({ scores, references }) => scores.has(attribute) && references.has(attribute)),
  );
  return chooseAttributes(common, attributes, 'scores and reference together');
}

/** One value for each text, table below table. */
function below(tables: readonly PairedTable[], read: (table: PairedTable) => Float64Array): Float64Array {
  const all = new Float64Array(tables.reduce((sum, { ids }) => sum + ids.length, 0));
  let at = 0;
  for (const table of tables) {
    all.set(read(table), at);
    at += table.ids.length;
  }
  return all;
}

/** A prompt is one unit in whichever tables it stands. */
function unitsOf(tables: readonly PairedTable[]): Int32Array {
  const places = new Map<string, number>();
  const units = tables.flatMap(({ ids, prompts }, table) =>
    ids.map((_, row) => {
      const unit = prompts?.[row] ?? `${table} ${row}`;
      const place = places.get(unit) ?? places.size;
      places.set(unit, place);
      return place;
    }),
  );
  return Int32Array.from(units);
}

function namesOf(tables: readonly PairedTable[], side: 'scorers' | 'referenceScorers'): string | null {
  return [...new Set(tables.flatMap((table) => table[side]))].sort().join(', ') || null;
}

function curveOf({ scores, references }: Pairs, bins: number) {
  const rows = [...scores.keys()].filter((row) => !Number.isNaN(scores[row]!) && !Number.isNaN(references[row]!));
  return calibrationCurve(
    Float64Array.from(rows, (row) => scores[row]!),
    Float64Array.from(rows, (row) => references[row]!),
    bins,
  );
}

/** The texts that differ most: half of them above the reference, half below, each text once. */
function furthest(
  tables: readonly PairedTable[],
  attribute: string,
  { scores, references }: Pairs,
  count: number,
): Disagreement[] {
  const place = new Map<number, { readonly table: PairedTable; readonly row: number }>();
  const order: { readonly at: number; readonly difference: number }[] = [];
  let before = 0;
  for (const table of tables) {
    for (let row = 0; row < table.ids.length; row++) {
      const difference = scores[before + row]! - references[before + row]!;
      if (Number.isNaN(difference) || difference === 0) continue;
      place.set(before + row, { table, row });
      order.push({ at: before + row, difference });
    }
    before += table.ids.length;
  }
  order.sort((a, b) => b.difference - a.difference || a.at - b.at);
  const choose = (ordered: Iterable<(typeof order)[number]>, limit: number, sign: number): Disagreement[] => {
    const chosen = new Map<string, Disagreement>();
    for (const { at, difference } of ordered) {
      if (chosen.size === limit || Math.sign(difference) !== sign) break;
      const { table, row } = place.get(at)!;
      const id = table.ids[row]!;
      const text = table.texts?.[row] ?? null;
      const key = text ?? `${table.name}\n${id}`;
      if (chosen.has(key)) continue;
      chosen.set(key, {
        attribute,
        difference,
        score: scores[at]!,
        reference: references[at]!,
        table: table.name,
        id: id.replace('\n', ', '),
        text,
      });
    }
    return [...chosen.values()];
  };
  return [...choose(order, Math.ceil(count / 2), 1), ...choose(order.reverse(), Math.floor(count / 2), -1)];
}
