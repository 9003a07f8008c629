import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { StepError } from '@sonde/executor';
import type { CapturedStates, Pool } from '@sonde/models';
import {
  concatTables,
  floatColumn,
  readTable,
  stringColumn,
  type Table,
  tableFromColumns,
  writeParquet,
} from '@sonde/tables';
import { openSafetensors, readFloat32, type SafetensorsFile, writeSafetensors } from '@sonde/tensors';

// An artifact of hidden states is a folder of two files: the tensor, and a row index beside it.
const TENSOR_FILE = 'states.safetensors';
const INDEX_FILE = 'index.parquet';
const TENSOR = 'hidden_states';

/** Which sequence a row of states belongs to: the prompt itself (`sample` null), or one of its continuations. */
export interface StateRow {
  readonly promptId: string;
  readonly sample: number | null;
}

/** The rows of each pool, in the order of its tensor's first axis. */
export type PoolRows = Readonly<Partial<Record<Pool, readonly StateRow[]>>>;

const indexTable = (spans: readonly Pool[], rowsOf: PoolRows): Table => {
  const rows = spans.flatMap((span) => rowsOf[span]!.map((row) => ({ span, ...row })));
  return tableFromColumns([
    { name: 'prompt_id', type: 'string', values: rows.map(({ promptId }) => promptId) },
    { name: 'sample', type: 'int32', values: rows.map(({ sample }) => sample) },
    { name: 'span', type: 'string', values: rows.map(({ span }) => span) },
  ]);
};

/**
 * Writes `hidden_states` [n, layers, d] float32, the pools one below the other, with their row index.
 * @param facts what the artifact says of itself: model digest, architecture
 */
export const writeStates = async (
  folder: string,
  states: CapturedStates,
  rowsOf: PoolRows,
  facts: Readonly<Record<string, string>>,
): Promise<void> => {
  const spans = Object.keys(states.pools) as Pool[];
  const tensors = spans.map((span) => states.pools[span]!);
  const [, layers, d] = tensors[0]!.shape;
  const n = tensors.reduce((sum, { shape }) => sum + shape[0], 0);
  async function* chunks(): AsyncGenerator<Float32Array> {
    for (const { data } of tensors) yield data;
  }
  await mkdir(folder, { recursive: true });
  await writeSafetensors(
    path.join(folder, TENSOR_FILE),
    { [TENSOR]: { dtype: 'F32', shape: [n, layers, d], data: chunks() } },
    {
      ...facts,
      layers: JSON.stringify(states.layers),
      pooling: JSON.stringify(spans),
      dtype: 'float32',
      convention:
        'layer 0 is the embedding output, layer l the residual stream after block l - 1, the last one after the final norm',
    },
  );
  await writeParquet(path.join(folder, INDEX_FILE), indexTable(spans, rowsOf));
};

/** Puts the states of shards one below the other. */
export const combineStates = async (parts: readonly string[], folder: string): Promise<void> => {
  const files = await Promise.all(parts.map((part) => openSafetensors(path.join(part, TENSOR_FILE))));
  const [, layers, d] = files[0]!.tensors.get(TENSOR)!.shape;
  const n = files.reduce((sum, file) => sum + file.tensors.get(TENSOR)!.shape[0]!, 0);
  async function* chunks(): AsyncGenerator<Float32Array> {
    for (const file of files) yield (await readFloat32(file, TENSOR)).data;
  }
  await mkdir(folder, { recursive: true });
  await writeSafetensors(
    path.join(folder, TENSOR_FILE),
    { [TENSOR]: { dtype: 'F32', shape: [n, layers!, d!], data: chunks() } },
    files[0]!.metadata,
  );
  const tables = await Promise.all(parts.map((part) => readTable(path.join(part, INDEX_FILE))));
  await writeParquet(path.join(folder, INDEX_FILE), concatTables(tables));
};

/** States as a probe reads them. */
export interface StatesFile {
  /** The layer numbers of the tensor's second axis. */
  readonly layers: readonly number[];
  readonly hiddenSize: number;
  /** Row numbers of a span in the tensor, and whose they are. */
  rowsOf(span: Pool): readonly (StateRow & { readonly row: number })[];
  /** The states of some rows at one position of the layer axis: [rows, d]. */
  layerStates(rows: readonly { readonly row: number }[], layerIndex: number): Promise<Float32Array>;
}

/** Rows read at a time: bounds the memory for states that do not fit. */
const BLOCK_ROWS = 4096;

const readLayer = async (file: SafetensorsFile, layerIndex: number): Promise<Float32Array> => {
  const [n, layers, d] = file.tensors.get(TENSOR)!.shape as [number, number, number];
  const out = new Float32Array(n * d);
  for (let start = 0; start < n; start += BLOCK_ROWS) {
    const end = Math.min(n, start + BLOCK_ROWS);
    const { data } = await readFloat32(file, TENSOR, [start, end]);
    for (let row = start; row < end; row++) {
      const from = ((row - start) * layers + layerIndex) * d;
      out.set(data.subarray(from, from + d), row * d);
    }
  }
  return out;
};

/** Opens an artifact of hidden states. */
export const openStates = async (folder: string): Promise<StatesFile> => {
  const file = await openSafetensors(path.join(folder, TENSOR_FILE));
  const index = await readTable(path.join(folder, INDEX_FILE));
  const tensor = file.tensors.get(TENSOR);
  if (tensor === undefined || tensor.shape.length !== 3 || tensor.shape[0] !== index.rowCount) {
    throw new StepError(
      'step',
      `${folder} is not an artifact of hidden states: the tensor and its row index do not fit`,
    );
  }
  const ids = stringColumn(index, 'prompt_id');
  const spans = stringColumn(index, 'span');
  const samples = floatColumn(index, 'sample');
  const [, layerCount, hiddenSize] = tensor.shape as [number, number, number];
  let kept: { readonly layerIndex: number; readonly states: Float32Array } | undefined;
  return {
    layers: JSON.parse(
      file.metadata.layers ?? JSON.stringify(Array.from({ length: layerCount }, (_, i) => i)),
    ) as number[],
    hiddenSize,
    rowsOf: (span) =>
      spans.flatMap((value, row) =>
        value === span
          ? [{ row, promptId: ids[row]!, sample: Number.isNaN(samples[row]!) ? null : samples[row]! }]
          : [],
      ),
    async layerStates(rows, layerIndex) {
      if (kept?.layerIndex !== layerIndex) kept = { layerIndex, states: await readLayer(file, layerIndex) };
      const out = new Float32Array(rows.length * hiddenSize);
      for (const [i, { row }] of rows.entries())
        out.set(kept.states.subarray(row * hiddenSize, (row + 1) * hiddenSize), i * hiddenSize);
      return out;
    },
  };
};
