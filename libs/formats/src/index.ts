export { chooseAttributes, isSameScorer, scorerMismatch } from './attributes.ts';
export * from './columns.ts';
export {
  concatProbeWeights,
  type FittedProbe,
  openProbeWeights,
  type ProbedStates,
  type ProbeWeights,
  writeProbeWeights,
} from './probe-weights.ts';
export {
  codePoints,
  type Prompts,
  type RenderedPrompt,
  readPrompts,
  readRenderedPrompts,
  type ScoredPrompt,
} from './prompts.ts';
export { type ReadOptions, type ReadRow, readRowParts, readRows } from './rows-read.ts';
export { tableOf, type WriteOptions, writeRowParts, writeRows } from './rows-write.ts';
export { readScoreGrid, type ScoreGrid } from './score-grid.ts';
export type { StateRow } from './states/layout.ts';
export { type FoundRow, openStates, type StatesFile, type StatesShape, sitesOf, statesShape } from './states/read.ts';
export { openTokenSpool, type SpooledToken, type TokenSpool } from './states/token-spool.ts';
export { concatStates, type PooledStates, type StateDType, type StatesToWrite, writeStates } from './states/write.ts';
