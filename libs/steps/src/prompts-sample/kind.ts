import { defineStep } from '@sonde/executor';
import { PROMPTS, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** A sample of prompts from a table of texts with scores, rendered through a template. */
export const promptsSample = defineStep({
  kind: 'prompts/sample',
  revision: 6,
  summary: 'Samples prompts from a table of texts with scores and renders them through a template.',
  config,
  outputs: {
    prompts: { type: 'table', description: tableProse(PROMPTS, 'The source’s other columns are kept.') },
  },
  check({ strata, chat, chat_date }) {
    const problems = [];
    if (chat_date !== undefined && chat === undefined) {
      problems.push({ path: ['chat_date'], message: 'is the day in a chat template, and there is no `chat`' });
    }
    if (chat_date !== undefined && !isDay(chat_date)) {
      problems.push({ path: ['chat_date'], message: `${chat_date} is no day of the calendar` });
    }
    if (strata?.shares === undefined) return problems;
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
  cost: () => import('./cost.ts'),
});
