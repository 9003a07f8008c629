export { concatTableFiles } from './concat-files.ts';
export { type FilterOperator, type FilterSpec, filterTable } from './filter.ts';
export { type JoinKind, joinKeys, joinTables } from './join.ts';
export { type IsMissing, type MissingWords, missingTest, type Suspect, suspectsIn } from './missing.ts';
export { type ParquetInfo, type PartOptions, readParquet, readParquetInfo } from './parquet-read.ts';
export { writeParquet, writeParquetParts } from './parquet-write.ts';
export { detectFormat, readTable, readTableParts, type TableFormat } from './read-table.ts';
export { cell, rows, tableFromRows } from './rows.ts';
export { addColumn, concatTables, renameColumns, selectColumns, selectRows, sliceRows } from './select.ts';
export {
  type Column,
  type ColumnInfo,
  type ColumnOf,
  type ColumnType,
  column,
  floatColumn,
  hasColumn,
  idColumn,
  isMissingWord,
  type Json,
  MISSING_VALUE,
  numberIn,
  stringColumn,
  type Table,
  tableFromColumns,
  type Value,
} from './table.ts';
export { csvLines, writeCsv, writeJsonl } from './text-write.ts';
