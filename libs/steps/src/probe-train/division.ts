import type { InputArtifact, Shard } from '@sonde/executor';
import type { StateSite } from '@sonde/formats/columns';

/** What of a task a shard probes. */
export type LayerRange = {
  /** The baselines that know no layers. */
  readonly baselines: boolean;
  readonly layers: readonly number[];
};

/** So many numbers of states at least make a shard: fewer are probed sooner than read anew. */
const SHARD_NUMBERS = 2 ** 22;

/**
 * Divides large states by layers, so that what is done of them is kept when a run ends early. How, depends on the states
 * alone; few are not divided.
 */
export async function divideLayers(config: {
  readonly states: InputArtifact;
  readonly site?: StateSite | undefined;
  readonly layers?: readonly number[] | undefined;
}): Promise<Shard<LayerRange>[]> {
  const { statesShape } = await import('@sonde/formats');
  const shape = await statesShape(config.states.path, config.site);
  const layers = config.layers ?? shape.layers;
  const together = Math.max(1, Math.floor(SHARD_NUMBERS / Math.max(1, shape.rows * shape.hiddenSize)));
  if (layers.length <= together) return [];
  const shards = [shardOf({ baselines: true, layers: [] })];
  for (let first = 0; first < layers.length; first += together) {
    shards.push(shardOf({ baselines: false, layers: layers.slice(first, first + together) }));
  }
  return shards;
}

function shardOf(range: LayerRange): Shard<LayerRange> {
  const { baselines, layers } = range;
  return { identity: { baselines, layers: [...layers] }, range, weight: Math.max(1, layers.length) };
}
