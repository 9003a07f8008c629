import { artifact, type ConfigOf, list, number, object, optional, words } from '@sonde/pipeline';
import { columnName } from '../shared/tables.ts';

export const FUNCTIONS = ['mean', 'sd', 'min', 'max', 'median', 'sum', 'count'] as const;

export type AggregateFunction = (typeof FUNCTIONS)[number];

const of = object({
  column: columnName,
  functions: list(words(FUNCTIONS), {
    minItems: 1,
    uniqueItems: true,
    default: ['mean', 'sd', 'count'],
    description:
      'Each gives a column `<column>.<function>`. `sd`: standard deviation (divisor n − 1; null for fewer than two values); `count`: values that are not null.',
  }),
  quantiles: optional(
    list(number({ minimum: 0, maximum: 1 }), {
      minItems: 1,
      uniqueItems: true,
      description:
        'Each gives a column `<column>.q<level>`: by linear interpolation between values, as NumPy’s and R’s default.',
    }),
  ),
});

export const config = object({
  table: artifact('table', { description: 'The table.' }),
  by: list(columnName, {
    uniqueItems: true,
    default: [],
    description:
      'Rows with equal values of these columns become one, in the order in which the values first appear; null is a value of its own. Without any, the table becomes one row.',
  }),
  of: list(of, { minItems: 1, description: 'What is computed of each group; truth values count as 0 and 1.' }),
  nulls: words(['skip', 'keep', 'error'], {
    default: 'skip',
    description:
      'What missing values do: `skip` leaves them out (all missing: null, of `sum` and `count` 0), `keep` makes what they are part of null, `error` refuses them.',
  }),
});

export type Config = ConfigOf<typeof config>;

/** How many rows a group has. */
export const ROWS = 'rows';

/** The columns that a column's aggregates are given in. */
export function columnsOf({ column, functions, quantiles = [] }: Config['of'][number]): string[] {
  return [...functions.map((name) => `${column}.${name}`), ...quantiles.map((level) => `${column}.q${level}`)];
}
