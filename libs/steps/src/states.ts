import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import type { CapturedStates, CaptureSite, Pool } from '@sonde/engine';
import {
  floatColumn,
  hasColumn,
  readTable,
  stringColumn,
  type Table,
  tableFromColumns,
  writeParquet,
} from '@sonde/tables';
import {
  bytesPerElement,
  type DType,
  openSafetensors,
  type SafetensorsFile,
  type TensorEntry,
  widenBfloat16,
  widenFloat16,
  writeSafetensors,
} from '@sonde/tensors';
import { combineTables } from './shared/combine.ts';
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
const STATE_DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const satisfies Record<string, DType>;
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
  throw new UserError(
    'input',
    `a state at the site ${site} holds ${beyond}, which float16 cannot store; use dtype: bfloat16 or float32`,
  );
};

const layersKey = (site: CaptureSite): string => (site === 'residual' ? 'layers' : `layers.${site}`);
const conventionKey = (site: CaptureSite): string => (site === 'residual' ? 'convention' : `convention.${site}`);

/** Bytes copied at a time. */
const BLOCK_BYTES = 2 ** 23;

/** A tensor's bytes as they lie in the file, as numbers of its element's size. */
async function* storedBlocks(file: SafetensorsFile, name: string): AsyncGenerator<Float32Array | Uint16Array> {
  const { dtype, offset, byteLength } = file.tensors.get(name)!;
  const handle = await open(file.path, 'r');
  try {
    for (let done = 0; done < byteLength; ) {
      const block = new ArrayBuffer(Math.min(BLOCK_BYTES, byteLength - done));
      await readFully(handle, new Uint8Array(block), offset + done, file.path);
      yield dtype === 'F32' ? new Float32Array(block) : new Uint16Array(block);
      done += block.byteLength;
    }
  } finally {
    await handle.close();
  }
}

const readFully = async (handle: FileHandle, into: Uint8Array, position: number, path: string): Promise<void> => {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new UserError('input', `${path} was cut short while it was in use`);
    done += bytesRead;
  }
};

/** Puts the states of shards one below the other, a block of one shard at a time in memory. */
export const combineStates = async (parts: readonly string[], folder: string): Promise<void> => {
  // One after the other: thousands of files cannot be open at once.
  const files: SafetensorsFile[] = [];
  for (const part of parts) files.push(await openSafetensors(path.join(part, TENSOR_FILE)));
  const entries = [...files[0]!.tensors].map(([name, { dtype, shape }]): [string, TensorEntry] => {
    async function* chunks(): AsyncGenerator<Float32Array | Uint16Array> {
      for (const file of files) yield* storedBlocks(file, name);
    }
    const n = files.reduce((sum, file) => sum + file.tensors.get(name)!.shape[0]!, 0);
    return [name, { dtype, shape: [n, ...shape.slice(1)], data: chunks() }];
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensors(path.join(folder, TENSOR_FILE), Object.fromEntries(entries), files[0]!.metadata);
  await combineTables(
    parts.map((part) => path.join(part, INDEX_FILE)),
    path.join(folder, INDEX_FILE),
  );
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

const WIDENED: Readonly<Partial<Record<DType, (stored: ArrayBuffer) => Float32Array>>> = {
  F32: (stored) => new Float32Array(stored),
  F64: (stored) => Float32Array.from(new Float64Array(stored)),
  F16: (stored) => widenFloat16(new Uint16Array(stored)),
  BF16: (stored) => widenBfloat16(new Uint16Array(stored)),
};

/** Rows between two looks at whatever else the process has to do. */
const ROWS_AT_ONCE = 4096;

/** One layer of some rows [rows, size], and no other layer, whatever the tensor's size. */
const readLayer = async (
  file: SafetensorsFile,
  name: string,
  rows: readonly { readonly row: number }[],
  layerIndex: number,
): Promise<Float32Array> => {
  const { dtype, shape, offset } = file.tensors.get(name)!;
  const [, layers, ...rest] = shape as [number, number, ...number[]];
  const size = rest.reduce((product, each) => product * each, 1);
  const bytes = size * bytesPerElement(dtype);
  const widened = WIDENED[dtype];
  if (widened === undefined)
    throw new UserError('input', `the tensor ${name} of the states is ${dtype}, no kind of float`);
  const stored = new Uint8Array(rows.length * bytes);
  const handle = openSync(file.path, 'r');
  try {
    for (const [i, { row }] of rows.entries()) {
      const at = offset + (row * layers + layerIndex) * bytes;
      const count = readSync(handle, stored, i * bytes, bytes, at);
      if (count !== bytes) throw new UserError('input', `${file.path} was cut short while it was in use`);
      if (i % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
    }
  } finally {
    closeSync(handle);
  }
  return widened(stored.buffer);
};

/** The tensors of an artifact of states. @throws UserError if it is none */
export const statesTensors = async (folder: string): Promise<SafetensorsFile> => {
  const file = path.join(folder, TENSOR_FILE);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new UserError('input', `${folder} is not an artifact of states: it has no ${TENSOR_FILE}`);
  return openSafetensors(file);
};

/** Opens an artifact of states, at one of its sites. @throws UserError if it is not one or lacks the site */
export const openStates = async (folder: string, site: CaptureSite = 'residual'): Promise<StatesFile> => {
  const file = await statesTensors(folder);
  const index = await readTable(path.join(folder, INDEX_FILE));
  const name = tensorOf(site);
  const tensor = file.tensors.get(name);
  if (tensor === undefined) {
    const found = (Object.keys(CONVENTIONS) as CaptureSite[]).filter((each) => file.tensors.has(tensorOf(each)));
    throw new UserError('input', `the states have no site ${site}; they have ${found.join(', ') || 'none'}`);
  }
  if (tensor.shape.length < 3 || tensor.shape[0] !== index.rowCount) {
    throw new UserError('input', `${folder} is not an artifact of states: the tensor and its row index do not fit`);
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
  let tokens: (FoundRow & { readonly position: number })[] | undefined;
  return {
    layers: JSON.parse(
      file.metadata[layersKey(site)] ?? JSON.stringify(Array.from({ length: layerCount }, (_, i) => i)),
    ) as number[],
    hiddenSize,
    rowsOf: (span) => spans.flatMap((value, row) => (value === span && !isToken(row) ? [rowAt(row)] : [])),
    get tokens() {
      tokens ??= ids.flatMap((_, row) => (isToken(row) ? [{ ...rowAt(row), position: positions![row]! }] : []));
      return tokens;
    },
    layerStates: (rows, layerIndex) => readLayer(file, name, rows, layerIndex),
  };
};
