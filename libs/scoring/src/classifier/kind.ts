import { defineScorer } from '../define-scorer.ts';
import { config } from './config.ts';

export const classifier = defineScorer({
  kind: 'classifier',
  summary: 'A sequence classifier: a folder in the hub’s layout, or `hf:owner/name@revision`.',
  config,
  ref: ({ model }) => model,
  runsModel: true,
  load: () => import('./open.ts'),
});
