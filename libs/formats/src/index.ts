export * from './columns.ts';
export { type ReadOptions, readRowParts, readRows } from './rows-read.ts';
export { tableOf, type WriteOptions, writeRowParts, writeRows } from './rows-write.ts';
