import { defineStep } from '@sonde/executor';
import { CALIBRATION, COMPARISON, DISAGREEMENTS, tableProse } from '@sonde/formats/columns';
import { config } from './config.ts';

/** How far two scorers agree, or a scorer and people. */
export const scoreCompare = defineStep({
  kind: 'score/compare',
  revision: 5,
  summary: 'Compares scores with another scorer’s, or with labels by people: correlation, agreement, calibration, EMT.',
  config,
  outputs: {
    comparison: { type: 'table', description: tableProse(COMPARISON) },
    calibration: { type: 'table', description: tableProse(CALIBRATION) },
    disagreements: { type: 'table', description: tableProse(DISAGREEMENTS) },
  },
  load: () => import('./run.ts'),
});
