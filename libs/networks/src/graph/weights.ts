import { UserError } from '@sonde/base';
import type { Adapter, LinearShape, QuantizedFile, UnpackedFile, Weight, WeightDtype } from '@sonde/checkpoints';
import { DATA_TYPES, type DataType, type GraphBuilder, type Value } from '@sonde/onnx';
import { type DType, elementCount } from '@sonde/tensors';

/** Where the weights of a graph come from. */
export interface WeightSource {
  readonly folder: string;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly adapter: Adapter | null;
  /** What the model's own weights are rounded to; null: nothing. */
  readonly dtype: WeightDtype | null;
  /** Where the weights of blocks go, quantised; null where they are used as they are. */
  readonly quantized: QuantizedFile | null;
  /** Where weights go that are stored packed, if they are not quantised anew. */
  readonly unpacked: UnpackedFile;
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
  /** @throws UserError if the weight is missing or has another shape or type */
  get(name: string, shape: readonly number[]): Value;
  /**
   * x Wᵀ with W [out, in] quantised; null where it is not to be: outside the blocks, or everywhere.
   * @param into the graph of the product: the one that the weights are placed in, or one inside it
   * @param transposed whether W is stored as [in, out]
   */
  multiplyQuantized(into: GraphBuilder, name: string, x: Value, shape: LinearShape, transposed: boolean): Value | null;
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

/** Weights of blocks have the block's number in their names; embeddings and output heads have none. */
const IN_BLOCK = /\.\d+\./;

/** The types through which a weight becomes float32; `dtype`: what it is rounded to on the way. */
function castsOf(stored: DataType, dtype: WeightDtype | null): DataType[] {
  const rounds = dtype !== null && dtype !== 'float32' && dtype !== stored;
  if (!rounds) return stored === 'float32' ? [] : ['float32'];
  return stored === 'float64' ? ['float32', dtype, 'float32'] : [dtype, 'float32'];
}

export function placeWeights(graph: GraphBuilder, source: WeightSource): PlacedWeights {
  const placed = new Map<string, Value>();
  let parameters = 0;
  const usedAdapters = new Set<string>();

  const quantized = new Map<string, { codes: Value; scales: Value }>();

  /** Checks a weight's shape and type. @returns its type */
  const check = (name: string, { file, info }: Weight, shape: readonly number[]): DataType => {
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      const advice = /\.lora_[AB]$/.test(name) ? ' Is the adapter for another model?' : '';
      throw new UserError(
        'model',
        `${file.path}: "${name}" has shape [${info.shape.join(', ')}]; the configuration makes it [${shape.join(', ')}].${advice}`,
      );
    }
    const dataType = FLOAT_TYPES[info.dtype];
    if (!dataType)
      throw new UserError('model', `${file.path}: "${name}" is ${info.dtype}; weights must be F32, F16, BF16 or F64.`);
    return dataType;
  };

  const place = (name: string, weight: Weight, shape: readonly number[], dtype: WeightDtype | null): Value => {
    const dataType = check(name, weight, shape);
    const existing = placed.get(name);
    if (existing) return existing;
    const { file, info } = weight;
    const where = weight.packed
      ? source.unpacked.place(weight)
      : { location: source.locate(file.path), offset: info.offset, length: info.byteLength };
    let value = graph.external(name, dataType, shape, where);
    for (const to of castsOf(dataType, dtype)) value = graph.node('Cast', [value], { to: DATA_TYPES[to] });
    placed.set(name, value);
    return value;
  };

  const find = (name: string): Weight | undefined =>
    source.weights.get(name) ?? source.weights.get(withoutPrefix(name));

  const require = (name: string): Weight => {
    const found = find(name);
    if (!found)
      throw new UserError('model', `${source.folder}: the weights lack "${name}", which the configuration needs.`);
    return found;
  };

  return {
    get(name, shape) {
      const found = require(name);
      if (!placed.has(name)) parameters += elementCount(shape);
      return place(name, found, shape, source.dtype);
    },
    multiplyQuantized(into, name, x, shape, transposed) {
      const file = source.quantized;
      if (!file || !IN_BLOCK.test(name)) return null;
      let at = quantized.get(name);
      if (!at) {
        const weight = require(name);
        check(name, weight, transposed ? [shape[1], shape[0]] : shape);
        parameters += elementCount(shape);
        const { codes, scales } = file.place({ name, weight, shape, transposed });
        at = {
          codes: graph.external(`${name}.codes`, 'uint8', file.format.codes(shape), codes),
          scales: graph.external(`${name}.scales`, 'float32', file.format.scales(shape), scales),
        };
        quantized.set(name, at);
      }
      return file.format.multiply(into, x, at.codes, at.scales, shape);
    },
    refuse(name) {
      if (find(name)) {
        throw new UserError(
          'model',
          `${source.folder}: the weights have "${name}", which the configuration says is not there.`,
        );
      }
    },
    adapterOf(layer, shape) {
      const low = source.adapter?.modules.get(layer);
      if (!low) return null;
      usedAdapters.add(layer);
      const a = place(`${layer}.lora_A`, low.a, [low.rank, shape[1]], null);
      const b = place(`${layer}.lora_B`, low.b, [shape[0], low.rank], null);
      return { a, b, scale: low.scale };
    },
    finish(layers) {
      for (const name of [...placed.keys(), ...quantized.keys()]) {
        // The first number in a name is the block's; experts and heads may have one after it.
        const next = name.replace(/^(\D*)\.0\./, `$1.${layers}.`);
        if (next !== name && find(next)) {
          throw new UserError(
            'model',
            `${source.folder}: the weights have "${next}", but the configuration gives the model ${layers} layers, numbered from 0.`,
          );
        }
      }
      for (const module of source.adapter?.modules.keys() ?? []) {
        if (usedAdapters.has(module)) continue;
        const isHead = /^(lm_head|embed_out)$/.test(module);
        throw new UserError(
          'model',
          isHead
            ? `${source.adapter!.folder} changes the output head ("${module}"), which ${source.folder} has in common with its embedding; LoRA on a tied head is not supported.`
            : `${source.adapter!.folder} is an adapter for another model: it changes "${module}", which ${source.folder} does not have.`,
          isHead ? 'Merge the adapter with PEFT and save the model with a head of its own.' : undefined,
        );
      }
      return parameters;
    },
  };
}
