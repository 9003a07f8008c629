import { defineStep } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import { artifact, type ConfigOf, object, text } from '@sonde/pipeline';

const config = object({
  scorer: artifact('scorer', { description: 'A scorer: `embedded:toxicity`, or a folder in its layout.' }),
  texts: artifact('table', { description: 'Any table with a column of texts.' }),
  column: text({ minLength: 1, default: 'text', description: 'The column that holds the texts.' }),
});

export type Config = ConfigOf<typeof config>;

/** Scores of texts by a scorer. */
export const textScore = defineStep({
  kind: 'text/score',
  revision: 4,
  summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
  config,
  outputs: { scores: { type: 'table', description: tableProse(SCORES) } },
  load: () => import('./run.ts'),
});
