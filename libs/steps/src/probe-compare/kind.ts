import { defineStep } from '@sonde/executor';
import { PROBE_CHANGES, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** Whether a change to a model changes what can be read from it. */
export const probeCompare = defineStep({
  kind: 'probe/compare',
  revision: 6,
  summary:
    'Compares probe scores of settings with a reference on the same held-out prompts: differences by layer, with intervals and p.',
  config,
  outputs: { changes: { type: 'table', description: tableProse(PROBE_CHANGES) } },
  check: ({ baseline, reference }) =>
    (baseline === undefined) === (reference === undefined)
      ? [{ path: [], message: 'one of `baseline` and `reference` is needed: what is compared with' }]
      : [],
  load: () => import('./run.ts'),
});
