import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const recorded = defineScorer({
  kind: 'recorded',
  summary: 'Answers that another scorer gave before: a table of texts and their scores, looked up by the text.',
  config,
  ref: ({ table }) => table,
  load: () => import('./open.ts'),
});
