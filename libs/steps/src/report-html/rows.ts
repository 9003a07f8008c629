import type { InputArtifact } from '@sonde/executor';
import type { Estimate } from '@sonde/report';
import { readTable, rows, type Value } from '@sonde/tables';
import { modelOf } from './labels.ts';

export type Row = Readonly<Record<string, Value>>;

export interface ModelRows {
  readonly model: string;
  readonly source: InputArtifact;
  readonly rows: readonly Row[];
}

/** The tables of collected artifacts, each with the model that it is about. */
export const readCollected = (sources: readonly InputArtifact[]): Promise<ModelRows[]> =>
  Promise.all(
    sources.map(async (source) => ({ model: modelOf(source), source, rows: rows(await readTable(source.path)) })),
  );

export const numberOrNull = (value: Value | undefined): number | null => (typeof value === 'number' ? value : null);

export const estimateOf = (row: Row): Estimate => ({
  value: numberOrNull(row.value),
  low: numberOrNull(row.low),
  high: numberOrNull(row.high),
  ...(typeof row.reason === 'string' && { reason: row.reason.replaceAll('_', ' ') }),
});
