import { join } from 'node:path';
import {
  type Adapter,
  type Checkpoint,
  EMBEDDING,
  equalWeights,
  type KeepFile,
  type LocalFolder,
  openAdapter,
  openCheckpoint,
  type Precision,
  unpack,
} from '@sonde/checkpoints';
import { type Network, type TextPart, textPart } from '@sonde/networks';
import { elementCount } from '@sonde/tensors';
import { randomised } from './random-weights.ts';
import type { ModelWeights } from './session/session.ts';

/** A checkpoint in safetensors and the network that it describes. */
export interface OpenedWeights<Head> {
  readonly architecture: string;
  readonly network: Network<Head>;
  readonly weights: ModelWeights;
  /** Numbers in the weights by how they are stored. */
  readonly dtypes: Readonly<Record<string, number>>;
}

/** Which weights a checkpoint is opened with. */
export interface Wanted {
  readonly precision: Precision;
  /** The folder of an adapter. */
  readonly adapter?: string | undefined;
  /** The seed of weights that are drawn in place of those stored; null: those stored. */
  readonly random: number | null;
  /** Keeps the file of quantised weights that are stored. */
  readonly keep?: KeepFile | undefined;
}

/**
 * @param describe what to make of config.json
 * @throws UserError if something is missing or not supported
 */
export async function openWeights<Head>(
  folder: LocalFolder,
  { precision, adapter: adapterFolder, random, keep }: Wanted,
  describe: (
    folder: string,
    config: Readonly<Record<string, unknown>>,
  ) => { readonly architecture: string; readonly network: Network<Head> },
): Promise<OpenedWeights<Head>> {
  const whole = await unpack(await openCheckpoint(folder));
  const part = textPart(whole.config, join(folder.path, 'config.json'));
  const stored = part ? { ...whole, config: part.config, weights: renamed(whole.weights, part) } : whole;
  const { architecture, network } = describe(folder.path, await withOwnHead(stored));
  const checkpoint = random === null ? stored : randomised(stored, architecture, network.trunk.sizes, random);
  const added: Adapter | null = adapterFolder === undefined ? null : await openAdapter(adapterFolder, whole);
  const adapter = added && part ? { ...added, modules: renamed(added.modules, part, true) } : added;
  const types = [...checkpoint.weights.values()].map(
    ({ info, packed }) => [packed?.format ?? info.dtype, elementCount(info.shape)] as const,
  );
  const weights = { checkpoint, adapter, precision, keep: random === null ? keep : undefined };
  return { architecture, network, weights, dtypes: countByType(types) };
}

/** What is of the part, by its names there. @param keep whether what is not of it keeps its name */
function renamed<T>(all: ReadonlyMap<string, T>, part: TextPart, keep = false): ReadonlyMap<string, T> {
  return new Map(
    [...all].flatMap(([name, value]) => {
      const own = part.rename(name) ?? (keep ? name : null);
      return own === null ? [] : [[own, value] as const];
    }),
  );
}

const HEADS = ['lm_head.weight', 'embed_out.weight'];

/**
 * The configuration; not tied where the checkpoint stores an output head that is another than the embedding, which
 * transformers then uses whatever `tie_word_embeddings` says.
 */
async function withOwnHead({ config, weights }: Checkpoint): Promise<Checkpoint['config']> {
  const head = HEADS.map((name) => weights.get(name)).find((weight) => weight !== undefined);
  const embedding = [...weights].find(([name]) => EMBEDDING.test(name))?.[1];
  if (config.tie_word_embeddings === false || !head || !embedding) return config;
  return (await equalWeights(head, embedding)) ? config : { ...config, tie_word_embeddings: false };
}

/** Sums numbers by type. */
export function countByType(counts: readonly (readonly [string, number])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [type, count] of counts) sums[type] = (sums[type] ?? 0) + count;
  return sums;
}
