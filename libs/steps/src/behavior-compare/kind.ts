import { defineStep } from '@sonde/executor';
import { CHANGES, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** What a change to a model does to its behaviour, prompt by prompt, beside what it costs and what controls do. */
export const behaviorCompare = defineStep({
  kind: 'behavior/compare',
  revision: 6,
  summary:
    'Compares settings with a reference, and with controls, on the same prompts: paired differences with intervals.',
  config,
  outputs: { changes: { type: 'table', description: tableProse(CHANGES) } },
  check: ({ baseline, reference, losses, reference_losses, controls, control_losses: ofControls }) => [
    ...((baseline === undefined) === (reference === undefined)
      ? [{ path: [], message: 'one of `baseline` and `reference` is needed: what is compared with' }]
      : []),
    ...(baseline !== undefined || (losses === undefined) === (reference_losses === undefined)
      ? []
      : [{ path: [], message: '`losses` and `reference_losses` are needed together' }]),
    ...(ofControls === undefined || (controls !== undefined && losses !== undefined)
      ? []
      : [{ path: ['control_losses'], message: '`control_losses` needs `controls` and `losses`' }]),
  ],
  load: () => import('./run.ts'),
});
