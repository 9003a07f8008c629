import { UserError } from '@sonde/base';
import type { CORRELATIONS, RowOf } from '@sonde/formats';
import {
  leaveGroupsOut,
  partialCorrelation,
  partialKendall,
  pearson,
  poolCorrelations,
  steigerTest,
  type Values,
  withinGroups,
} from '@sonde/statistics';
import { type Cell, leastOf, mostOf } from './cells.ts';
import type { Config } from './config.ts';
import type { Subject } from './subjects.ts';
import type { Unit } from './units.ts';

type Row = RowOf<typeof CORRELATIONS>;

/** What a correlation is worth once other explanations are taken away, as far as they can be. */
export type Robustness = Pick<
  Row,
  | 'target_sd_min'
  | 'target_sd_max'
  | 'partial'
  | 'partial_p'
  | 'partial_low'
  | 'partial_high'
  | 'partial_spearman'
  | 'partial_kendall'
  | 'partial_given'
  | 'corrected'
  | 'corrected_low'
  | 'corrected_high'
  | 'left_out_low'
  | 'left_out_high'
  | 'pooled'
  | 'pooled_low'
  | 'pooled_high'
  | 'pooled_families'
  | 'first_difference'
  | 'first_difference_p'
>;

/** What a partial correlation is given. */
export interface Covariate {
  readonly name: string;
  readonly values: Values;
}

/**
 * @param covariates as `givenOf` gives them
 * @param first the cell of the same target and scenario at the first place
 */
export function robustnessOf(
  cell: Cell,
  covariates: readonly Covariate[],
  first: Cell,
  units: readonly Unit<Subject>[],
  config: Config,
): Robustness {
  const { x, y, spread, corrected } = cell;
  const { level } = config.bootstrap;
  const families = units.map(({ family, name }) => family ?? name);
  const given = covariates.map(({ values }) => values);
  const partial = partialCorrelation(x, y, given, { level });
  // The correction is for correlations: of other scores nothing is known to be the same at another spread.
  const atOneSpread = config.probe_metric === 'pearson' ? pearson(corrected, y, { level }) : undefined;
  const without = leaveGroupsOut(x, y, families).map(({ r }) => r);
  return {
    target_sd_min: leastOf(spread),
    target_sd_max: mostOf(spread),
    partial: partial.r,
    partial_p: partial.p,
    partial_low: partial.interval?.[0] ?? null,
    partial_high: partial.interval?.[1] ?? null,
    partial_spearman: partialCorrelation(x, y, given, { of: 'rank' }).r,
    partial_kendall: partialKendall(x, y, given),
    partial_given: covariates.map(({ name }) => name).join(', ') || null,
    corrected: atOneSpread?.r ?? null,
    corrected_low: atOneSpread?.interval?.[0] ?? null,
    corrected_high: atOneSpread?.interval?.[1] ?? null,
    left_out_low: leastOf(without),
    left_out_high: mostOf(without),
    ...pooledOf(x, y, config.family === undefined ? undefined : families, level),
    ...differenceFrom(first, cell),
  };
}

/** What the partial correlations of a cell are given: the spread of its labels, where that is known, and the covariates. */
export function givenOf({ spread }: Cell, units: readonly Unit<Subject>[], { covariates = {} }: Config): Covariate[] {
  const spreads = spread.every((value) => value === null) ? [] : [{ name: 'target_sd', values: spread }];
  const others = Object.entries(covariates).map(([name, byUnit]) => ({
    name,
    values: units.map((unit) => {
      const value = byUnit[unit.name];
      if (value !== undefined) return value;
      throw new UserError('config', `the covariate ${name} has no number for ${unit.name}`, 'Give every unit one.');
    }),
  }));
  return [...spreads, ...others];
}

function pooledOf(x: Values, y: Values, families: readonly string[] | undefined, level: number) {
  const within = families === undefined ? [] : withinGroups(x, y, families);
  // Fisher's z of a perfect correlation is infinite: such a family cannot be weighed.
  const studies = within.flatMap(({ r, n }) => (r === null || Math.abs(r) === 1 ? [] : [{ r, n }]));
  const pooled = poolCorrelations(studies, level);
  return {
    pooled: pooled?.r ?? null,
    pooled_low: pooled?.interval[0] ?? null,
    pooled_high: pooled?.interval[1] ?? null,
    pooled_families: pooled?.studies ?? null,
  };
}

/** Against the same behaviour's correlation at the first place: is there more than the embeddings give? */
function differenceFrom(first: Cell, cell: Cell): Pick<Row, 'first_difference' | 'first_difference_p'> {
  const none = { first_difference: null, first_difference_p: null };
  if (first === cell) return none;
  const used = [...cell.x.keys()].filter((i) => first.x[i] !== null && cell.x[i] !== null && cell.y[i] !== null);
  const of = (values: Values) => used.map((i) => values[i]!);
  const [here, there] = [pearson(of(cell.x), of(cell.y)).r, pearson(of(first.x), of(cell.y)).r];
  const between = pearson(of(cell.x), of(first.x)).r;
  if (here === null || there === null) return none;
  const test = between === null ? null : steigerTest(here, there, between, used.length);
  return { first_difference: here - there, first_difference_p: test?.p ?? null };
}
