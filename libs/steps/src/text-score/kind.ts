import type { StepKind } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import { closed, one } from '../shared/schemas.ts';

/** Scores of texts by a scorer. */
export const textScore: StepKind = {
  kind: 'text/score',
  revision: 3,
  summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
  config: closed(
    {
      scorer: one('A scorer: `embedded:toxicity`, or a folder in its layout.', 'scorer'),
      texts: one('Any table with a column of texts.', 'table'),
      column: { type: 'string', minLength: 1, default: 'text', description: 'The column that holds the texts.' },
    },
    ['scorer', 'texts'],
  ),
  outputs: {
    scores: { type: 'table', description: tableProse(SCORES) },
  },
  load: () => import('./run.ts'),
};
