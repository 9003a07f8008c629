import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import { concatTableFiles } from '@sonde/tables';
import { concatSafetensors, type DType, type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { type Pool, SITES, STATES_INDEX, type StateSite } from '../columns/states.ts';
import { writeRows } from '../rows-write.ts';
import { INDEX_FILE, type IndexRow, metadataKey, type StateRow, TENSOR_FILE, tensorOf } from './layout.ts';
import type { TokenSpool } from './token-spool.ts';

/** How states are stored, by the name that the language has for it. */
const STATE_DTYPES = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const satisfies Record<string, DType>;
export type StateDType = keyof typeof STATE_DTYPES;

/** States that a model gave, pooled, at one site. */
export interface PooledStates {
  /** The layer numbers of axis 1. */
  readonly layers: readonly number[];
  /** Of one row: [layers, d], or [layers, heads, head size]. */
  readonly rowShape: readonly number[];
  readonly pools: Readonly<Partial<Record<Pool, { readonly shape: readonly number[]; readonly data: Float32Array }>>>;
}

/** What is written into an artifact of states. */
export interface StatesToWrite {
  readonly states: Readonly<Partial<Record<StateSite, PooledStates>>>;
  /** The rows of each pool, in the order of its tensor's first axis. */
  readonly rowsOf: Readonly<Partial<Record<Pool, readonly StateRow[]>>>;
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
export async function writeStates(
  folder: string,
  { states, rowsOf, tokens, dtype, facts }: StatesToWrite,
): Promise<void> {
  const sites = Object.keys(states) as StateSite[];
  const pools = Object.keys(states[sites[0]!]!.pools) as Pool[];
  const pooled = pools.flatMap((span) =>
    rowsOf[span]!.map(({ promptId, sample }): IndexRow => ({ prompt_id: promptId, sample, span, position: null })),
  );
  const index = [...pooled, ...(tokens?.sorted() ?? [])];
  const entries = sites.map((site): [string, TensorEntry] => {
    async function* chunks(): AsyncGenerator<Float32Array> {
      for (const pool of pools) yield checkRange(states[site]!.pools[pool]!.data, site, dtype);
      if (tokens) for await (const data of tokens.read(site)) yield checkRange(data, site, dtype);
    }
    const shape = [index.length, ...states[site]!.rowShape];
    return [tensorOf(site), { dtype: STATE_DTYPES[dtype], shape, data: chunks() }];
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensors(path.join(folder, TENSOR_FILE), Object.fromEntries(entries), {
    ...facts,
    ...Object.fromEntries(sites.map((site) => [metadataKey('layers', site), JSON.stringify(states[site]!.layers)])),
    ...Object.fromEntries(sites.map((site) => [metadataKey('convention', site), SITES[site].convention])),
    pooling: JSON.stringify(tokens ? [...pools, 'tokens'] : pools),
    dtype,
  });
  await writeRows(path.join(folder, INDEX_FILE), STATES_INDEX, index, tokens ? { with: ['position'] } : {});
}

/** The greatest number of float16. */
const FLOAT16_MOST = 65_504;

function checkRange(data: Float32Array, site: StateSite, dtype: StateDType): Float32Array {
  const beyond = dtype === 'float16' ? data.find((value) => Math.abs(value) > FLOAT16_MOST) : undefined;
  if (beyond === undefined) return data;
  throw new UserError(
    'input',
    `a state at the site ${site} holds ${beyond}, which float16 cannot store; use dtype: bfloat16 or float32`,
  );
}

/** Puts the states of shards one below the other, a block of one shard at a time in memory. */
export async function concatStates(parts: readonly string[], folder: string): Promise<void> {
  const files = (name: string): string[] => parts.map((part) => path.join(part, name));
  await mkdir(folder, { recursive: true });
  await concatSafetensors(files(TENSOR_FILE), path.join(folder, TENSOR_FILE));
  await concatTableFiles(files(INDEX_FILE), path.join(folder, INDEX_FILE));
}
