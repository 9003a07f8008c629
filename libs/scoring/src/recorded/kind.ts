import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const recorded = defineScorer({
  kind: 'recorded',
  summary: 'Answers that another scorer gave before: tables of texts and their scores, looked up by the text.',
  config,
  ref: ({ table }) => (Array.isArray(table) ? table[0] : table),
  load: () => import('./open.ts'),
});
