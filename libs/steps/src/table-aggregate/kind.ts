import { defineStep } from '@sonde/executor';
import { tableOutput } from '../shared/tables.ts';
import { columnsOf, config, ROWS } from './config.ts';

/** Makes one row of the rows that are alike in some columns. */
export const tableAggregate = defineStep({
  kind: 'table/aggregate',
  revision: 1,
  summary: 'Groups rows by columns: mean, sd, extremes, quantiles and counts of each group; `rows` counts its rows.',
  config,
  outputs: tableOutput,
  check: ({ by, of }) => {
    const names = [...by, ROWS, ...of.flatMap((each) => columnsOf(each))];
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    return twice === undefined ? [] : [{ path: ['of'], message: `two columns would be named \`${twice}\`` }];
  },
  load: () => import('./run.ts'),
});
