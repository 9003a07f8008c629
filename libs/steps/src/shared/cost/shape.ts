import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { memo } from '@sonde/base';
import type { Cost, CostContext, InputArtifact, Shape } from '@sonde/executor';
import { detectFormat, readParquetInfo, readTableParts, type Table } from '@sonde/tables';
import { elementCount, openSafetensors } from '@sonde/tensors';

/** The columns that hold a row's text, the first that is there. */
const TEXTS = ['rendered', 'text', 'prompt.text', 'prompt'];
/** So many rows tell the mean length of a text. */
const ROWS = 1000;

/** What was read, by content: many tasks read the same. */
const known = new Map<string, Promise<Shape>>();

/** What is known of an input: read from its content where that is here, and else expected. */
export async function shapeOf<Config>(
  artifact: InputArtifact | undefined,
  { expected }: Pick<CostContext<Config>, 'expected'>,
): Promise<Shape> {
  if (artifact === undefined) return {};
  const guess = expected(artifact) ?? {};
  if (artifact.path === '') return guess;
  const read = artifact.type === 'table' ? shapeOfTable : artifact.type === 'tensors' ? shapeOfStates : undefined;
  if (read === undefined) return guess;
  const { path, digest } = artifact;
  const found = memo(known, `${digest} ${path}`, () => read(path).catch((): Shape => ({})));
  return { ...guess, ...(await found) };
}

async function shapeOfTable(path: string): Promise<Shape> {
  const { size: bytes } = await stat(path);
  const isParquet = (await detectFormat(path)) === 'parquet';
  const rowCount = isParquet ? (await readParquetInfo(path)).rowCount : undefined;
  const range = { rows: [0, ROWS] as const };
  for await (const table of readTableParts(path, { columns: [], optional: TEXTS, ...(isParquet ? range : {}) })) {
    return { rows: rowCount ?? table.rowCount, bytes, characters: meanLength(table) };
  }
  return { rows: rowCount ?? 0, bytes };
}

function meanLength({ columns }: Table): number {
  const found = TEXTS.map((name) => columns.find((column) => column.name === name)).find((each) => each !== undefined);
  const texts =
    found === undefined
      ? []
      : Array.from({ length: Math.min(ROWS, found.values.length) }, (_, row) => found.values[row]);
  return texts.reduce<number>((sum, text) => sum + String(text ?? '').length, 0) / Math.max(1, texts.length);
}

/** Tensors [rows, layers, width]. */
async function shapeOfStates(folder: string): Promise<Shape> {
  const path = join(folder, 'states.safetensors');
  const { tensors } = await openSafetensors(path);
  const first = [...tensors.values()].find(({ shape }) => shape.length >= 3);
  if (first === undefined) return {};
  const [rows, layers, ...rest] = first.shape as [number, number, ...number[]];
  return { rows, layers, width: elementCount(rest), bytes: (await stat(path)).size };
}

/** What reading a table of so many rows and bytes, and writing what is wanted of it, costs. */
export function readingCost(rows: number, bytes: number): Omit<Cost, 'rows' | 'outputs'> {
  return { flops: 0, traffic: 0, other: 0.3 + rows * 2e-5, memory: 200e6 + 4 * bytes };
}
