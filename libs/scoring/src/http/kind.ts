import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const http = defineScorer({
  kind: 'http',
  summary: 'A service of yours that takes batches of texts as JSON and answers with scores; needs `--allow-code`.',
  config,
  reaches: ({ url, record }) => (record === 'only' ? undefined : url),
  keepsAnswers: true,
  load: () => import('./open.ts'),
});
