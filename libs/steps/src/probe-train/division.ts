import { createHash } from 'node:crypto';
import type { JsonObject } from '@sonde/base';
import type { InputArtifact, Shard } from '@sonde/executor';
import { POOLS, type StateSite } from '@sonde/formats/columns';
import { type Config, isOfText } from './config.ts';

/** What of a task a shard probes. */
export type LayerRange = {
  /** The baselines that know no layers. */
  readonly baselines: boolean;
  readonly layers: readonly number[];
};

/** So many numbers of states at least make a shard: fewer are probed sooner than read anew. */
const SHARD_NUMBERS = 2 ** 22;

/** What `identity` stands for: of two models that read the same texts, say, the baselines read the same inputs. */
export const DIVIDED = ['states', 'layers', 'prompts', 'scores', 'continuations'] as const;

/**
 * Divides states by layers, so that what is done of large ones is kept when a run ends early, and sets the baselines
 * apart, which read whose the states are and not the states: they are fitted once for all models that read the same texts.
 */
export async function divideLayers(
  config: Pick<Config, (typeof DIVIDED)[number] | 'site' | 'baselines'>,
): Promise<Shard<LayerRange>[]> {
  const { statesShape } = await import('@sonde/formats');
  const { states, prompts, scores, continuations, site, baselines } = config;
  const shape = await statesShape(states.path, site);
  const layers = config.layers ?? shape.layers;
  const together = Math.max(1, Math.floor(SHARD_NUMBERS / Math.max(1, shape.rows * shape.hiddenSize)));
  if (layers.length <= together && !baselines.some(isOfText)) return [];
  const targets = { prompts: prompts.digest, scores: digestOf(scores), continuations: digestOf(continuations) };
  const shards = [shardOf({ baselines: true, layers: [] }, { ...targets, rows: await rowsDigest(states, site) })];
  for (let first = 0; first < layers.length; first += together) {
    const range = { baselines: false, layers: layers.slice(first, first + together) };
    shards.push(shardOf(range, { ...targets, states: states.digest }));
  }
  return shards;
}

function shardOf(range: LayerRange, inputs: JsonObject): Shard<LayerRange> {
  const { baselines, layers } = range;
  return { identity: { baselines, layers: [...layers], inputs }, range, weight: Math.max(1, layers.length) };
}

function digestOf(artifact: InputArtifact | undefined): string | null {
  return artifact?.digest ?? null;
}

/** Of whose the states are, in their order. */
async function rowsDigest({ path }: InputArtifact, site: StateSite | undefined): Promise<string> {
  const { openStates } = await import('@sonde/formats');
  const states = await openStates(path, site);
  const rows = POOLS.map((span) => states.rowsOf(span).map(({ promptId, sample }) => [promptId, sample]));
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}
