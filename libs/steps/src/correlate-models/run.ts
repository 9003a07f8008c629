import { groupBy } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { CORRELATIONS, type RowOf, writeRows } from '@sonde/formats';
import {
  adjustPValues,
  correlateFamily,
  detectableCorrelation,
  type FamilyMember,
  permuteUnits,
  smallestRankP,
} from '@sonde/statistics';
import { bootstrapCells } from './bootstrap.ts';
import { type Cell, cellOf, leastOf, placesOf, probedIn } from './cells.ts';
import type { Config } from './config.ts';
import { sayLimits } from './limits.ts';
import { givenOf, robustnessOf } from './robustness.ts';
import { keyOf, readSubjects } from './subjects.ts';
import { unitsOf } from './units.ts';

type Row = RowOf<typeof CORRELATIONS>;

/** @param detectable for each number of units */
function coefficients(
  { pearson, spearman, kendall, ...adjusted }: FamilyMember,
  detectable: ReadonlyMap<number, number>,
) {
  return {
    pearson: pearson.r,
    pearson_p: pearson.p,
    pearson_p_adjusted: adjusted.pearsonAdjusted,
    low: pearson.interval?.[0] ?? null,
    high: pearson.interval?.[1] ?? null,
    spearman: spearman.r,
    spearman_p: spearman.p,
    spearman_p_adjusted: adjusted.spearmanAdjusted,
    kendall: kendall.r,
    kendall_p: kendall.p,
    kendall_p_adjusted: adjusted.kendallAdjusted,
    smallest_rank_p: smallestRankP(pearson.n),
    detectable: detectable.get(pearson.n)!,
    units: pearson.n,
    reason: pearson.r === null ? pearson.reason : null,
  };
}

/** The same target and scenario at the first place: what the others are held against. */
function firstCells(cells: readonly Cell[]): (cell: Cell) => Cell {
  const byProbed = groupBy(cells, ({ probed }) => keyOf(probed));
  return ({ probed }) => byProbed.get(keyOf(probed))![0]!;
}

/** `correlate/models`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const sources = await readSubjects(config, log);
  const { subjects, mode } = sources;
  const found = unitsOf(subjects, config, log);
  const { axis, units } = found;
  const places = placesOf(config, subjects);
  const cells = probedIn(subjects, config.attributes).flatMap((probed) =>
    places.map((place) => cellOf(units, probed, place)),
  );
  const { multiplicity, metric, group, probe_metric } = config;
  const { level, seed } = config.bootstrap;
  const correlations = correlateFamily(cells, { multiplicity, level });
  const counts = new Set(correlations.map(({ pearson: { n } }) => n));
  const detectable = new Map([...counts].map((n) => [n, detectableCorrelation(n)]));
  const blocks = config.family === undefined ? undefined : units.map(({ family }) => family!);
  const permuted = permuteUnits(cells, { seed, ...(blocks && { blocks }) });
  sayLimits(found, permuted, log);
  const given = cells.map((cell) => givenOf(cell, units, config));
  const partialPermuted = permuteUnits(
    cells.map((cell, i) => ({ ...cell, given: given[i]!.map(({ values }) => values) })),
    { seed, ...(blocks && { blocks }) },
  );
  const firstOf = firstCells(cells);
  const robust = cells.map((cell, i) => robustnessOf(cell, given[i]!, firstOf(cell), units, config));
  const partialAdjusted = adjustPValues(
    robust.map(({ partial_p }) => partial_p),
    multiplicity,
  );
  const intervals = await bootstrapCells(cells, units, sources, config);
  const rows = cells.map(
    (cell, i): Row => ({
      ...cell.place.column,
      ...cell.probed,
      metric,
      mode,
      probe_metric,
      group,
      ...coefficients(correlations[i]!, detectable),
      permutation_p: permuted.pointwise[i]!,
      family_wise_p: permuted.family_wise[i]!,
      ...robust[i]!,
      partial_p_adjusted: partialAdjusted[i]!,
      partial_family_wise_p: robust[i]!.partial === null ? null : partialPermuted.family_wise[i]!,
      bootstrap_low: intervals[i]?.low ?? null,
      bootstrap_high: intervals[i]?.high ?? null,
      bootstrap_over: intervals[i]?.over ?? null,
      multiplicity,
      unit: axis,
      families: blocks === undefined ? null : new Set(blocks).size,
      prompts: leastOf(cell.prompts),
      common_prompts: sources.shared !== undefined,
    }),
  );
  await writeRows(output('correlations'), CORRELATIONS, rows, {
    with: [config.depth === 'layer' ? 'layer' : 'relative_depth'],
  });
}
