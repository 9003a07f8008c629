import { groupBy } from '@sonde/base';
import { type RowOf, readRows, VARIANCES } from '@sonde/formats';
import type { BehaviorSection, ComponentRow, Estimate } from '@sonde/report';
import type { Config } from './config.ts';

type Row = RowOf<typeof VARIANCES>;

/** How much of the variance of EMT is between settings, and how much between replicates of one. */
export async function componentsOf({ variances }: Config): Promise<BehaviorSection['components']> {
  if (variances === undefined) return undefined;
  const rows = await readRows(variances.path, VARIANCES, { what: variances.ref ?? 'the variances' });
  const own = rows.filter(({ metric }) => metric === 'emt');
  const [first] = own;
  if (first === undefined) return undefined;
  return {
    between: first.between ?? 'one setting',
    within: first.within,
    level: first.level,
    rows: [...groupBy(own, ({ attribute }) => attribute)].map(([attribute, parts]): ComponentRow => {
      const part = (component: Row['component']) => parts.find((row) => row.component === component)!;
      const { n, settings, df } = part('between');
      return {
        attribute,
        between: deviation(part('between')),
        within: deviation(part('within')),
        share: estimate(part('share').value, part('share')),
        n,
        settings,
        df: [df, part('within').df],
      };
    }),
  };
}

const REASONS: Readonly<Record<NonNullable<Row['reason']>, string>> = {
  no_values: 'no values',
  one_setting: 'one setting alone',
  no_replicates: 'each setting has one value',
  no_variance: 'replicates do not differ',
};

function deviation(row: Row): Estimate {
  return estimate(row.sd, { ...row, low: row.sd_low, high: row.sd_high });
}

function estimate(value: number | null, { low, high, reason }: Row): Estimate {
  return value === null ? { value, ...(reason !== null && { reason: REASONS[reason] }) } : { value, low, high };
}
