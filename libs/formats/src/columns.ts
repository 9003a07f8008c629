// What the columns mean, as data: read to plan and to document, so nothing here loads what reads a file.
import type { TableFormat, TensorsFormat } from './column.ts';
import { SUMMARY } from './columns/behavior.ts';
import { CHANGES, PROBE_CHANGES } from './columns/changes.ts';
import { CALIBRATION, COMPARISON, DISAGREEMENTS } from './columns/comparison.ts';
import { CONTINUATIONS, LOSSES } from './columns/continuations.ts';
import { CORRELATIONS } from './columns/correlations.ts';
import { PREDICTIONS, PROBE_SCORES, PROBE_WEIGHTS } from './columns/probes.ts';
import { PROMPTS } from './columns/prompts.ts';
import { ANSWERS, SCORES } from './columns/scores.ts';
import { STATES } from './columns/states.ts';
import { VARIANCES } from './columns/variances.ts';

export * from './column.ts';
export * from './columns/behavior.ts';
export * from './columns/changes.ts';
export * from './columns/comparison.ts';
export * from './columns/continuations.ts';
export * from './columns/correlations.ts';
export * from './columns/probes.ts';
export * from './columns/prompts.ts';
export * from './columns/scores.ts';
export * from './columns/states.ts';
export * from './columns/variances.ts';
export { meaningProse, tableProse, tensorsProse, typeProse } from './prose.ts';

/** All of them, in the order in which an experiment makes them. */
export const FORMATS: readonly (TableFormat | TensorsFormat)[] = [
  PROMPTS,
  CONTINUATIONS,
  STATES,
  LOSSES,
  SCORES,
  ANSWERS,
  PROBE_SCORES,
  PROBE_WEIGHTS,
  PREDICTIONS,
  SUMMARY,
  VARIANCES,
  CORRELATIONS,
  COMPARISON,
  CALIBRATION,
  DISAGREEMENTS,
  CHANGES,
  PROBE_CHANGES,
];
