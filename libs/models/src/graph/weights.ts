import type { DataType, GraphBuilder, Value } from '@sonde/onnx';
import { type DType, elementCount } from '@sonde/tensors';
import type { Adapter } from '../adapter.ts';
import type { Weight } from '../checkpoint.ts';
import { ModelError } from '../errors.ts';

/** Where the weights of a graph come from. */
export interface WeightSource {
  readonly folder: string;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly adapter: Adapter | null;
  /** The name under which a file lies beside the graph. */
  readonly locate: (path: string) => string;
}

const FLOAT_TYPES: Partial<Record<DType, DataType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F64: 'float64',
};

/** The weights of a graph, each placed once, where it lies, and read as float32. */
export interface PlacedWeights {
  /** @throws ModelError if the weight is missing or has another shape or type */
  get(name: string, shape: readonly number[]): Value;
  /** Refuses a weight that the configuration says is not there: leaving it out would give another model. */
  refuse(name: string): void;
  /** The low-rank path that the adapter adds to a linear layer, if it does. */
  adapterOf(layer: string, shape: readonly [number, number]): { a: Value; b: Value; scale: number } | null;
  /**
   * Checks that nothing was left over that should have been used.
   * @param layers number of blocks
   * @returns how many numbers the model's own weights have
   */
  finish(layers: number): number;
}

/** A checkpoint saved without its output head has all names without the model's own prefix. */
function withoutPrefix(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

const OTHER_MODEL = ' Is the adapter for another model?';

export function placeWeights(graph: GraphBuilder, source: WeightSource): PlacedWeights {
  const placed = new Map<string, Value>();
  let parameters = 0;
  const usedAdapters = new Set<string>();

  const place = (name: string, { file, info }: Weight, shape: readonly number[], advice = ''): Value => {
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new ModelError(
        `${file.path}: "${name}" has shape [${info.shape.join(', ')}]; the configuration makes it [${shape.join(', ')}].${advice}`,
      );
    }
    const existing = placed.get(name);
    if (existing) return existing;
    const dataType = FLOAT_TYPES[info.dtype];
    if (!dataType)
      throw new ModelError(`${file.path}: "${name}" is ${info.dtype}; weights must be F32, F16, BF16 or F64.`);
    const where = { location: source.locate(file.path), offset: info.offset, length: info.byteLength };
    const value = graph.external(name, dataType, shape, where);
    const cast = dataType === 'float32' ? value : graph.node('Cast', [value], { to: 1 });
    placed.set(name, cast);
    return cast;
  };

  const find = (name: string): Weight | undefined =>
    source.weights.get(name) ?? source.weights.get(withoutPrefix(name));

  return {
    get(name, shape) {
      const found = find(name);
      if (!found) throw new ModelError(`${source.folder}: the weights lack "${name}", which the configuration needs.`);
      if (!placed.has(name)) parameters += elementCount(shape);
      return place(name, found, shape);
    },
    refuse(name) {
      if (find(name)) {
        throw new ModelError(
          `${source.folder}: the weights have "${name}", which the configuration says is not there.`,
        );
      }
    },
    adapterOf(layer, shape) {
      const low = source.adapter?.modules.get(layer);
      if (!low) return null;
      usedAdapters.add(layer);
      const a = place(`${layer}.lora_A`, low.a, [low.rank, shape[1]], OTHER_MODEL);
      const b = place(`${layer}.lora_B`, low.b, [shape[0], low.rank], OTHER_MODEL);
      return { a, b, scale: low.scale };
    },
    finish(layers) {
      for (const name of placed.keys()) {
        const next = name.replace('.0.', `.${layers}.`);
        if (next !== name && find(next)) {
          throw new ModelError(
            `${source.folder}: the weights have "${next}", but the configuration gives the model ${layers} layers, numbered from 0.`,
          );
        }
      }
      for (const module of source.adapter?.modules.keys() ?? []) {
        if (!usedAdapters.has(module)) {
          throw new ModelError(
            `${source.adapter!.folder} is an adapter for another model: it changes "${module}", which ${source.folder} does not have.`,
          );
        }
      }
      return parameters;
    },
  };
}
