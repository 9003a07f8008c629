export { requireInteger, requireLevel } from './arguments.ts';
export { randomNormals, randomPermutation, randomUnitVector, rankOf } from './draws.ts';
export { intervalLevels, standardErrors } from './interval-levels.ts';
export { type ColumnMoments, columnMoments, columnPearson, standardDeviation, toUnitVector } from './moments.ts';
export { philox4x32 } from './philox.ts';
export { quantile } from './quantile.ts';
export { midRanks } from './ranks.ts';
export {
  betaQuantile,
  chiSquareQuantile,
  fQuantile,
  incompleteBeta,
  normalDistribution,
  normalQuantile,
  twoSidedNormal,
} from './special.ts';
export { digestStream, type RandomStream, randomStream, streamKey } from './streams.ts';
export { INTERVAL_UNITS } from './units.ts';
