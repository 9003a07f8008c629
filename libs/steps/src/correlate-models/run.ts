import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { CORRELATIONS, type RowOf, writeRows } from '@sonde/formats';
import { depthPoints, type LayerCurve, scoreAtDepth } from '@sonde/probing';
import {
  correlateFamily,
  detectableCorrelation,
  type FamilyMember,
  permuteUnits,
  smallestRankP,
  type UnitPermutation,
} from '@sonde/statistics';
import type { Config } from './config.ts';
import { keyOf, meanOf, type Probed, readSubjects, type Subject } from './subjects.ts';
import { type Unit, type Units, unitsOf } from './units.ts';

/** Where in a model's depth scores are compared. */
interface Place {
  readonly column: Pick<RowOf<typeof CORRELATIONS>, 'layer' | 'relative_depth'>;
  read(curve: LayerCurve): number | undefined;
}

function placesOf({ depth, points }: Config, subjects: readonly Subject[]): Place[] {
  if (depth === 'relative') {
    return depthPoints(points).map((share) => ({
      column: { relative_depth: share },
      read: (curve) => scoreAtDepth(curve, share),
    }));
  }
  const curves = subjects.flatMap(({ probes }) => [...probes.values()].map(({ curve }) => curve));
  const layers = new Set(curves.flatMap((curve) => [...curve.keys()]));
  return [...layers].sort((a, b) => a - b).map((layer) => ({ column: { layer }, read: (curve) => curve.get(layer) }));
}

/** What was probed in any of the models, and is asked for or known as a behaviour. */
function probedIn(subjects: readonly Subject[], asked: readonly string[] | undefined): Probed[] {
  const all = new Map(subjects.flatMap(({ probes }) => [...probes]));
  const found = [...all.values()].filter(
    ({ attribute }) => asked?.includes(attribute) ?? subjects.some(({ behavior }) => behavior.has(attribute)),
  );
  if (found.length === 0) throw new UserError('input', 'no attribute has both a behaviour and probe scores');
  return found;
}

/** One correlation: a value for each unit. */
interface Cell {
  readonly probed: Probed;
  readonly column: Place['column'];
  readonly x: readonly (number | null)[];
  readonly y: readonly (number | null)[];
}

/** A unit's numbers are means over its members that have both. */
function cellOf(units: readonly Unit<Subject>[], probed: Probed, { column, read }: Place): Cell {
  const of = units.map(({ members }) => {
    const both = members.flatMap(({ probes, behavior }) => {
      const found = probes.get(keyOf(probed));
      const x = found && read(found.curve);
      const y = behavior.get(probed.attribute);
      return x === undefined || y === undefined || y === null ? [] : [{ x, y }];
    });
    return {
      x: meanOf(both.map(({ x }) => x)),
      y: meanOf(both.map(({ y }) => y)),
    };
  });
  return {
    probed,
    column,
    x: of.map(({ x }) => x),
    y: of.map(({ y }) => y),
  };
}

/** What so few units can show at all. */
function sayLimits({ axis, units }: Units<Subject>, permuted: UnitPermutation, log: RunContext['log']): void {
  const n = units.length;
  const many = n === 1 ? `1 ${axis}` : `${n} ${axis}s`;
  if (smallestRankP(n) > 0.05) {
    log('warning', `with ${many} no rank correlation can reach 0.05: the smallest p is ${smallestRankP(n).toFixed(3)}`);
  }
  const families = new Set(units.map(({ family }) => family));
  if (units[0]?.family !== undefined && permuted.exact && 1 / permuted.orders > 0.05) {
    log(
      'warning',
      `${families.size} families of ${many} can change places in ${permuted.orders} orders only: no p by permutation is below ${(1 / permuted.orders).toFixed(3)} (families of equal size change places)`,
    );
  }
}

function rowOf(
  { probed: { scenario, attribute }, column }: Cell,
  { pearson, spearman, kendall, ...adjusted }: FamilyMember,
  permuted: { readonly p: number | null; readonly familyWise: number | null },
  { axis, families, config }: { axis: string; families: number | null; config: Config },
): RowOf<typeof CORRELATIONS> {
  const { multiplicity, metric, group } = config;
  return {
    ...column,
    scenario,
    attribute,
    metric,
    group,
    pearson: pearson.r,
    pearson_p: pearson.p,
    pearson_p_adjusted: adjusted.pearsonAdjusted,
    low: pearson.interval?.[0] ?? null,
    high: pearson.interval?.[1] ?? null,
    permutation_p: permuted.p,
    family_wise_p: permuted.familyWise,
    spearman: spearman.r,
    spearman_p: spearman.p,
    spearman_p_adjusted: adjusted.spearmanAdjusted,
    kendall: kendall.r,
    kendall_p: kendall.p,
    kendall_p_adjusted: adjusted.kendallAdjusted,
    smallest_rank_p: smallestRankP(pearson.n),
    detectable: detectableCorrelation(pearson.n),
    multiplicity,
    unit: axis,
    units: pearson.n,
    families,
    reason: pearson.r === null ? pearson.reason : null,
  };
}

/** `correlate/models`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const subjects = await readSubjects(config, log);
  const found = unitsOf(subjects, config, log);
  const { axis, units } = found;
  const places = placesOf(config, subjects);
  const cells = probedIn(subjects, config.attributes).flatMap((probed) =>
    places.map((place) => cellOf(units, probed, place)),
  );
  const { multiplicity, level, seed } = config;
  const correlations = correlateFamily(cells, { multiplicity, level });
  const blocks = config.family === undefined ? undefined : units.map(({ family }) => family!);
  const permuted = permuteUnits(cells, { seed, ...(blocks && { blocks }) });
  sayLimits(found, permuted, log);
  const families = blocks === undefined ? null : new Set(blocks).size;
  const rows = cells.map((cell, i) =>
    rowOf(
      cell,
      correlations[i]!,
      { p: permuted.pointwise[i]!, familyWise: permuted.family_wise[i]! },
      { axis, families, config },
    ),
  );
  await writeRows(output('correlations'), CORRELATIONS, rows, {
    with: [config.depth === 'layer' ? 'layer' : 'relative_depth'],
  });
}
