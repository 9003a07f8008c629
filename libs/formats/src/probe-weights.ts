import { concatSafetensors, openSafetensors, readFloat32, type TensorEntry, writeSafetensors } from '@sonde/tensors';
import type { ProbeVector, Scenario } from './columns/probes.ts';
import type { StateSite } from './columns/states.ts';

/** A linear probe of the states of a layer, in raw units. */
export interface FittedProbe {
  readonly scenario: Scenario;
  readonly target: string;
  readonly layer: number;
  /** Null where it could not be fitted: its weights are then zero. */
  readonly map: { readonly weights: Float64Array; readonly intercept: number } | null;
  /** Unit vectors: of the weights, and from the mean state of low scores to that of high ones; null where there is none. */
  readonly direction: Float64Array | null;
  readonly meanDifference: Float64Array | null;
}

/** What the probes of an artifact of weights read. */
export interface ProbedStates {
  /** The axis of layers. */
  readonly layers: readonly number[];
  /** Numbers of a state. */
  readonly hiddenSize: number;
  readonly site?: StateSite | undefined;
}

/** Writes `<scenario>.weights` and both directions [layers, targets, d], and `<scenario>.intercepts` [layers, targets]. */
export async function writeProbeWeights(
  path: string,
  probes: readonly FittedProbe[],
  { layers, hiddenSize: d, site }: ProbedStates,
): Promise<void> {
  const tensors: Record<string, TensorEntry> = {};
  const targetsByScenario: Record<string, readonly string[]> = {};
  for (const scenario of new Set(probes.map((probe) => probe.scenario))) {
    const ofScenario = probes.filter((probe) => probe.scenario === scenario);
    const targets = [...new Set(ofScenario.map(({ target }) => target))];
    const size = layers.length * targets.length * d;
    const [weights, directions, differences] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
    const intercepts = new Float64Array(layers.length * targets.length);
    for (const { layer, target, map, direction, meanDifference } of ofScenario) {
      const at = layers.indexOf(layer) * targets.length + targets.indexOf(target);
      if (direction !== null) directions.set(direction, at * d);
      if (meanDifference !== null) differences.set(meanDifference, at * d);
      if (map === null) continue;
      weights.set(map.weights, at * d);
      intercepts[at] = map.intercept;
    }
    const vectorShape = [layers.length, targets.length, d];
    tensors[`${scenario}.weights`] = { dtype: 'F64', shape: vectorShape, data: weights };
    tensors[`${scenario}.intercepts`] = { dtype: 'F64', shape: [layers.length, targets.length], data: intercepts };
    tensors[`${scenario}.directions`] = { dtype: 'F64', shape: vectorShape, data: directions };
    tensors[`${scenario}.mean_differences`] = { dtype: 'F64', shape: vectorShape, data: differences };
    targetsByScenario[scenario] = targets;
  }
  await writeSafetensors(path, tensors, {
    layers: JSON.stringify(layers),
    targets: JSON.stringify(targetsByScenario),
    ...(site && { site }),
  });
}

/** Puts the weights of probes of the same targets in other layers one below the other. */
export async function concatProbeWeights(parts: readonly string[], to: string): Promise<void> {
  const files: { path: string; layers: readonly number[]; metadata: Readonly<Record<string, string>> }[] = [];
  for (const path of parts) {
    const { metadata } = await openSafetensors(path);
    files.push({ path, layers: JSON.parse(metadata.layers!) as number[], metadata });
  }
  const filled = files.filter(({ layers }) => layers.length > 0);
  await concatSafetensors(
    filled.map(({ path }) => path),
    to,
    { ...filled[0]!.metadata, layers: JSON.stringify(filled.flatMap(({ layers }) => layers)) },
  );
}

/** The weights of probes, as what comes after reads them. */
export interface ProbeWeights {
  readonly layers: readonly number[];
  readonly site: StateSite;
  /** Scenario → its targets. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Reads the vectors of a scenario's probes: [size] for a target at a place of the axis of layers. */
  vectors(scenario: string, kind?: ProbeVector): Promise<(target: string, layerIndex: number) => Float32Array>;
}

/** Opens the weights of probes; undefined where a safetensors file holds something else. */
export async function openProbeWeights(path: string): Promise<ProbeWeights | undefined> {
  const file = await openSafetensors(path);
  const { layers, targets, site = 'residual' } = file.metadata;
  if (layers === undefined || targets === undefined) return undefined;
  const targetsByScenario = JSON.parse(targets) as Record<string, string[]>;
  return {
    layers: JSON.parse(layers) as number[],
    site: site as StateSite,
    targets: targetsByScenario,
    async vectors(scenario, kind = 'weights') {
      const { data, shape } = await readFloat32(file, `${scenario}.${kind}`);
      const [, count = 0, d = 0] = shape;
      return (target, layerIndex) => {
        const start = (layerIndex * count + targetsByScenario[scenario]!.indexOf(target)) * d;
        return data.slice(start, start + d);
      };
    },
  };
}
