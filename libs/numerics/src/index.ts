export { requireInteger, requireLevel } from './arguments.ts';
export { randomNormals, randomPermutation, randomUnitVector, rankOf } from './draws.ts';
export { type ColumnMoments, columnMoments, columnPearson, standardDeviation, toUnitVector } from './moments.ts';
export { philox4x32 } from './philox.ts';
export { quantile } from './quantile.ts';
export { midRanks } from './ranks.ts';
export { digestStream, type RandomStream, randomStream, streamKey } from './streams.ts';
export { INTERVAL_UNITS } from './units.ts';
