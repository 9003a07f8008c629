import type { InputArtifact } from '@sonde/executor';
import type { Columns, ReadOptions, ReadRow, TableFormat } from '@sonde/formats';
import { readRows } from '@sonde/formats';
import type { Estimate } from '@sonde/report';

/** The table of a collected artifact, with the name of what it is about. */
export interface ModelRows<R> {
  readonly model: string;
  readonly source: InputArtifact;
  readonly rows: readonly R[];
}

/** The tables of collected artifacts, none where there are none. */
export function readCollected<
  C extends Columns,
  N extends keyof C & string = keyof C & string,
  O extends keyof C & string = never,
>(
  sources: readonly InputArtifact[] | undefined,
  format: TableFormat<C>,
  nameOf: (source: InputArtifact) => string,
  options: ReadOptions<N, O> = {},
): Promise<ModelRows<ReadRow<C, N, O>>[]> {
  return Promise.all(
    (sources ?? []).map(async (source) => {
      const model = nameOf(source);
      const what = source.ref ?? `${format.name} of ${model}`;
      return { model, source, rows: await readRows(source.path, format, { ...options, what }) };
    }),
  );
}

/** A value with its interval, as the tables have it. */
export function estimateOf(row: {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly reason: string | null;
}): Estimate {
  const { value, low, high, reason } = row;
  return { value, low, high, ...(reason !== null && { reason: reasonText(reason) }) };
}

/** `too_few` as a reader sees it. */
export function reasonText(reason: string): string {
  return reason.replaceAll('_', ' ');
}
