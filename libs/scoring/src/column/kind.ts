import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const column = defineScorer({
  kind: 'column',
  summary: 'Scores that stand in columns of the table of texts itself.',
  config,
  load: () => import('./open.ts'),
});
