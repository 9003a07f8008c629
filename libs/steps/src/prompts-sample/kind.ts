import { defineStep } from '@sonde/executor';
import { PROMPTS, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** A sample of prompts from a table of texts with scores, rendered through a template. */
export const promptsSample = defineStep({
  kind: 'prompts/sample',
  revision: 4,
  summary: 'Samples prompts from a table of texts with scores and renders them through a template.',
  config,
  outputs: {
    prompts: { type: 'table', description: tableProse(PROMPTS, 'The source’s other columns are kept.') },
  },
  check({ strata }) {
    if (strata?.shares === undefined) return [];
    const problems = [];
    if (strata.shares.length !== strata.edges.length + 1) {
      problems.push({
        path: ['strata', 'shares'],
        message: `${strata.edges.length} edges make ${strata.edges.length + 1} strata, but there are ${strata.shares.length} shares`,
      });
    }
    const sum = strata.shares.reduce((total, share) => total + share, 0);
    if (Math.abs(sum - 1) > 1e-9)
      problems.push({ path: ['strata', 'shares'], message: `the shares add up to ${sum}, not to 1` });
    return problems;
  },
  load: () => import('./run.ts'),
});
