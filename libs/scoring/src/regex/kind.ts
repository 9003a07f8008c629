import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const regex = defineScorer({
  kind: 'regex',
  summary: 'Regular expressions or word lists: 1 where one is found in the text, else 0.',
  config,
  load: () => import('./open.ts'),
});
