import { type ProbeMap, unitDirection } from '@sonde/probing';
import type { Probed } from './probing.ts';
import { labelsOf } from './rows.ts';

/** The map of each layer and target: the mean of those of all seeds. */
export function fittedMaps(probed: readonly Probed[]) {
  const maps = new Map<
    string,
    {
      labels: ReturnType<typeof labelsOf>;
      layer: number;
      refits: (ProbeMap | null)[];
      meanDifference: Float64Array | null;
    }
  >();
  for (const { features, layer, result, meanDifference } of probed) {
    if (features !== 'states' || layer === null) continue;
    const labels = labelsOf(result);
    const key = JSON.stringify([labels, layer]);
    const entry = maps.get(key) ?? { labels, layer, refits: [], meanDifference };
    entry.refits.push(result.refit);
    maps.set(key, entry);
  }
  return [...maps.values()].map(({ labels, layer, refits, meanDifference }) => {
    const map = meanMap(refits);
    return { ...labels, layer, map, direction: map && unitDirection(map.weights), meanDifference };
  });
}

function meanMap(refits: readonly (ProbeMap | null)[]): ProbeMap | null {
  const known = refits.filter((refit) => refit !== null);
  const [first] = known;
  if (first === undefined || known.length < refits.length) return null;
  if (known.length === 1) return first;
  const mean = (read: (refit: ProbeMap) => number): number =>
    known.reduce((sum, refit) => sum + read(refit), 0) / known.length;
  return {
    penalty: first.penalty,
    logOdds: first.logOdds,
    weights: first.weights.map((_, j) => mean(({ weights }) => weights[j]!)),
    intercept: mean(({ intercept }) => intercept),
  };
}
