import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const perspective = defineScorer({
  kind: 'perspective',
  summary:
    'Google’s Perspective API, with the keys in PERSPECTIVE_API_KEY (several: with commas between). It ends on 31 December 2026; its answers are kept.',
  config,
  reaches: ({ url, record }) => (record === 'only' ? undefined : url),
  keepsAnswers: true,
  load: () => import('./open.ts'),
});
