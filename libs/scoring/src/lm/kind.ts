import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const lm = defineScorer({
  kind: 'lm',
  summary:
    'A language model as judge: how probable it finds each of the answers given, behind a question about the text.',
  config,
  ref: ({ model }) => model,
  runsModel: true,
  keepsAnswers: true,
  load: () => import('./open.ts'),
});
