import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { StepError } from '@sonde/executor';
import type { CapturedStates, CaptureSite, Pool } from '@sonde/models';
import {
  concatTables,
  floatColumn,
  hasColumn,
  readTable,
  stringColumn,
  type Table,
  tableFromColumns,
  writeParquet,
} from '@sonde/tables';
import {
  type DType,
  openSafetensors,
  readFloat32,
  type SafetensorsFile,
  type TensorEntry,
  writeSafetensors,
} from '@sonde/tensors';
import type { TokenSpool } from './token-spool.ts';

// An artifact of states is a folder of two files: a tensor for each site, and a row index beside them.
const TENSOR_FILE = 'states.safetensors';
const INDEX_FILE = 'index.parquet';

/** The name of a site's tensor. */
const tensorOf = (site: CaptureSite): string => (site === 'residual' ? 'hidden_states' : site);

/** Which sequence a row of states belongs to: the prompt itself (`sample` null), or one of its continuations. */
export interface StateRow {
  readonly promptId: string;
  readonly sample: number | null;
}

interface IndexRow extends StateRow {
  readonly span: string;
  /** Null for a pooled row. */
  readonly position: number | null;
}

/** The rows of each pool, in the order of its tensor's first axis. */
export type PoolRows = Readonly<Partial<Record<Pool, readonly StateRow[]>>>;

/** How states are stored, by the name that the language has for it. */
export const STATE_DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const satisfies Record<
  string,
  DType
>;
export type StateDType = keyof typeof STATE_DTYPES;

const CONVENTIONS = {
  residual:
    'layer 0 is the embedding output, layer l the residual stream after block l - 1, the last one after the final norm',
  residual_raw: 'layer 0 is the embedding output, layer l the residual stream after block l - 1, before any final norm',
  attention: 'layer l is what the attention of block l - 1 adds to the residual stream',
  mlp: 'layer l is what the MLP of block l - 1 adds to the residual stream',
  heads: 'layer l is what each attention head of block l - 1 gives, before the output projection: [heads, head size]',
} as const satisfies Record<CaptureSite, string>;

const indexTable = (rows: readonly IndexRow[], withPositions: boolean): Table =>
  tableFromColumns([
    { name: 'prompt_id', type: 'string', values: rows.map(({ promptId }) => promptId) },
    { name: 'sample', type: 'int32', values: rows.map(({ sample }) => sample) },
    { name: 'span', type: 'string', values: rows.map(({ span }) => span) },
    ...(withPositions
      ? [{ name: 'position', type: 'int32' as const, values: rows.map(({ position }) => position) }]
      : []),
  ]);

/** What is written into an artifact of states. */
export interface StatesToWrite {
  readonly states: CapturedStates;
  readonly rowsOf: PoolRows;
  /** The states of every token, if they were wanted. */
  readonly tokens?: TokenSpool;
  readonly dtype: StateDType;
  /** What the artifact says of itself: model digest, architecture. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Writes a tensor [n, layers, …] for each site, the pools one below the other and the tokens below them, with their row
 * index.
 */
export const writeStates = async (
  folder: string,
  { states, rowsOf, tokens, dtype, facts }: StatesToWrite,
): Promise<void> => {
  const sites = Object.keys(states) as CaptureSite[];
  const pools = Object.keys(states[sites[0]!]!.pools) as Pool[];
  const ofTokens = tokens?.sorted() ?? [];
  const pooled = pools.flatMap((span) => rowsOf[span]!.map((row) => ({ span, ...row, position: null })));
  const entries = sites.map((site): [string, TensorEntry] => {
    const tensors = pools.map((pool) => states[site]!.pools[pool]!);
    async function* chunks(): AsyncGenerator<Float32Array> {
      for (const { data } of tensors) yield checkRange(data, site, dtype);
      if (tokens) for await (const data of tokens.read(site)) yield checkRange(data, site, dtype);
    }
    return [
      tensorOf(site),
      {
        dtype: STATE_DTYPES[dtype],
        shape: [pooled.length + ofTokens.length, ...states[site]!.rowShape],
        data: chunks(),
      },
    ];
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensors(path.join(folder, TENSOR_FILE), Object.fromEntries(entries), {
    ...facts,
    ...Object.fromEntries(sites.map((site) => [layersKey(site), JSON.stringify(states[site]!.layers)])),
    ...Object.fromEntries(sites.map((site) => [conventionKey(site), CONVENTIONS[site]])),
    pooling: JSON.stringify(tokens ? [...pools, 'tokens'] : pools),
    dtype,
  });
  await writeParquet(path.join(folder, INDEX_FILE), indexTable([...pooled, ...ofTokens], tokens !== undefined));
};

/** The greatest number of float16. */
const FLOAT16_MOST = 65_504;

const checkRange = (data: Float32Array, site: CaptureSite, dtype: StateDType): Float32Array => {
  const beyond = dtype === 'float16' ? data.find((value) => Math.abs(value) > FLOAT16_MOST) : undefined;
  if (beyond === undefined) return data;
  throw new StepError(
    'step',
    `a state at the site ${site} holds ${beyond}, which float16 cannot store; use dtype: bfloat16 or float32`,
  );
};

const layersKey = (site: CaptureSite): string => (site === 'residual' ? 'layers' : `layers.${site}`);
const conventionKey = (site: CaptureSite): string => (site === 'residual' ? 'convention' : `convention.${site}`);

/** Rows read at a time: bounds the memory for states that do not fit. */
const BLOCK_ROWS = 4096;

async function* blocksOf(file: SafetensorsFile, name: string): AsyncGenerator<Float32Array> {
  const n = file.tensors.get(name)!.shape[0]!;
  for (let start = 0; start < n; start += BLOCK_ROWS) {
    yield (await readFloat32(file, name, [start, Math.min(n, start + BLOCK_ROWS)])).data;
  }
}

/** Puts the states of shards one below the other. */
export const combineStates = async (parts: readonly string[], folder: string): Promise<void> => {
  const files = await Promise.all(parts.map((part) => openSafetensors(path.join(part, TENSOR_FILE))));
  const entries = [...files[0]!.tensors].map(([name, { dtype, shape }]): [string, TensorEntry] => {
    async function* chunks(): AsyncGenerator<Float32Array> {
      for (const file of files) yield* blocksOf(file, name);
    }
    const n = files.reduce((sum, file) => sum + file.tensors.get(name)!.shape[0]!, 0);
    return [name, { dtype, shape: [n, ...shape.slice(1)], data: chunks() }];
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensors(path.join(folder, TENSOR_FILE), Object.fromEntries(entries), files[0]!.metadata);
  const tables = await Promise.all(parts.map((part) => readTable(path.join(part, INDEX_FILE))));
  await writeParquet(path.join(folder, INDEX_FILE), concatTables(tables));
};

/** A row of states and where it lies. */
export type FoundRow = StateRow & { readonly row: number };

/** The states of one site, as what comes after reads them. */
export interface StatesFile {
  /** The layer numbers of the tensor's second axis. */
  readonly layers: readonly number[];
  /** Numbers of a state: d, or heads · head size. */
  readonly hiddenSize: number;
  /** Row numbers of a pool in the tensor, and whose they are. */
  rowsOf(span: Pool): readonly FoundRow[];
  /** Row numbers of single tokens, where every token was kept. */
  readonly tokens: readonly (FoundRow & { readonly position: number })[];
  /** The states of some rows at one position of the layer axis: [rows, size]. */
  layerStates(rows: readonly { readonly row: number }[], layerIndex: number): Promise<Float32Array>;
}

const readLayer = async (file: SafetensorsFile, name: string, layerIndex: number): Promise<Float32Array> => {
  const [n, layers, ...rest] = file.tensors.get(name)!.shape as [number, number, ...number[]];
  const size = rest.reduce((product, each) => product * each, 1);
  const out = new Float32Array(n * size);
  let row = 0;
  for await (const data of blocksOf(file, name)) {
    for (let from = layerIndex * size; from < data.length; from += layers * size, row++) {
      out.set(data.subarray(from, from + size), row * size);
    }
  }
  return out;
};

/** Opens an artifact of states, at one of its sites. @throws StepError if it is not one or lacks the site */
export const openStates = async (folder: string, site: CaptureSite = 'residual'): Promise<StatesFile> => {
  const file = await openSafetensors(path.join(folder, TENSOR_FILE));
  const index = await readTable(path.join(folder, INDEX_FILE));
  const name = tensorOf(site);
  const tensor = file.tensors.get(name);
  if (tensor === undefined) {
    const found = (Object.keys(CONVENTIONS) as CaptureSite[]).filter((each) => file.tensors.has(tensorOf(each)));
    throw new StepError('step', `the states have no site ${site}; they have ${found.join(', ') || 'none'}`);
  }
  if (tensor.shape.length < 3 || tensor.shape[0] !== index.rowCount) {
    throw new StepError('step', `${folder} is not an artifact of states: the tensor and its row index do not fit`);
  }
  const ids = stringColumn(index, 'prompt_id');
  const spans = stringColumn(index, 'span');
  const samples = floatColumn(index, 'sample');
  const positions = hasColumn(index, 'position') ? floatColumn(index, 'position') : null;
  const [, layerCount, ...rest] = tensor.shape as [number, number, ...number[]];
  const hiddenSize = rest.reduce((product, each) => product * each, 1);
  const rowAt = (row: number): FoundRow => ({
    row,
    promptId: ids[row]!,
    sample: Number.isNaN(samples[row]!) ? null : samples[row]!,
  });
  const isToken = (row: number): boolean => positions !== null && !Number.isNaN(positions[row]!);
  let kept: { readonly layerIndex: number; readonly states: Float32Array } | undefined;
  return {
    layers: JSON.parse(
      file.metadata[layersKey(site)] ?? JSON.stringify(Array.from({ length: layerCount }, (_, i) => i)),
    ) as number[],
    hiddenSize,
    rowsOf: (span) => spans.flatMap((value, row) => (value === span && !isToken(row) ? [rowAt(row)] : [])),
    tokens: ids.flatMap((_, row) => (isToken(row) ? [{ ...rowAt(row), position: positions![row]! }] : [])),
    async layerStates(rows, layerIndex) {
      if (kept?.layerIndex !== layerIndex) kept = { layerIndex, states: await readLayer(file, name, layerIndex) };
      const out = new Float32Array(rows.length * hiddenSize);
      for (const [i, { row }] of rows.entries())
        out.set(kept.states.subarray(row * hiddenSize, (row + 1) * hiddenSize), i * hiddenSize);
      return out;
    },
  };
};
