import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const command = defineScorer({
  kind: 'command',
  summary:
    'A program of yours that reads batches of texts as lines of JSON and answers with scores; needs `--allow-code`.',
  config,
  ref: ({ files }) => files?.script,
  runsCode: true,
  load: () => import('./open.ts'),
});
