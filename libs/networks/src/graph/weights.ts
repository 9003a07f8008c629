import { UserError } from '@sonde/base';
import {
  type Adapter,
  type ComputeDtype,
  type Format,
  floatRows,
  type LinearShape,
  MX_BLOCK,
  mxfp4,
  mxfp4Rows,
  type QuantizedFile,
  type StoredRows,
  type UnpackedFile,
  type Weight,
  type WeightDtype,
} from '@sonde/checkpoints';
import { DATA_TYPES, type DataType, float, type GraphBuilder, type Value } from '@sonde/onnx';
import { type DType, elementCount } from '@sonde/tensors';
import { inDtype } from './products.ts';

/** Where the weights of a graph come from. */
export interface WeightSource {
  readonly folder: string;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly adapter: Adapter | null;
  /** What the model's own weights are rounded to; null: nothing. */
  readonly dtype: WeightDtype | null;
  /** The type in which linear layers are computed; null: float32. */
  readonly compute: ComputeDtype | null;
  /** Whether large weights stay as they are stored, and become float32 in each run, where they are used. */
  readonly layerwiseCasting: boolean;
  /** Where weights go that are quantised: those of blocks, if they are to be, and those that are stored so. */
  readonly quantized: QuantizedFile;
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

/**
 * Weights of which a side is shorter become float32 at loading in any case. ONNX Runtime's sums over a weight that it does
 * not know beforehand depend on how many of its columns a thread has: not from 65 on, so with at most
 * `LAYERWISE_THREADS` threads they depend on the numbers alone.
 */
const LONG_SIDE = 1024;
export const LAYERWISE_THREADS = 12;

/** Which of several equal pieces of a tensor, along its first axis. */
export interface Piece {
  readonly part: number;
  readonly of: number;
}

/** A weight of a product: [in, out], or [out, in] where it is transposed; whole, or one of several stacked. */
export interface Factor {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly transposed: boolean;
  readonly piece?: Piece;
  /** What is added to the product, [out]: asked for when the weight is found. */
  readonly added?: () => Value;
  /** The type of x, weight and product; float32 if not given. */
  readonly as?: ComputeDtype;
}

/** What of a graph's weights stays as it is stored, where they are cast layer by layer. */
export interface StoredWeights {
  readonly numbers: number;
  /** As they are stored, with room for the largest one in float32. */
  readonly bytes: number;
}

/** The weights of a graph, each placed once, where it lies. */
export interface PlacedWeights {
  /** The type in which linear layers are computed; null: float32. */
  readonly compute: ComputeDtype | null;
  /**
   * @throws UserError if the weight is missing or has another shape or type
   */
  get(name: string, shape: readonly number[]): Value;
  /** One of several weights of the same shape that are stacked along a first axis. */
  getPart(name: string, piece: Piece, shape: readonly number[]): Value;
  /** Rows of a weight [rows, size] by their numbers. */
  rows(into: GraphBuilder, name: string, shape: readonly [number, number], numbers: Value): Value;
  /**
   * x [rows, in] times a weight.
   * @param into the graph of the product: the one that the weights are placed in, or one inside it
   */
  multiply(into: GraphBuilder, x: Value, factor: Factor): Value;
  /**
   * x Wᵀ in float32 with W [out, in] quantised; null where it is not to be: outside the blocks, or everywhere.
   * @param into the graph of the product: the one that the weights are placed in, or one inside it
   * @param transposed whether W is stored as [in, out]
   */
  multiplyQuantized(into: GraphBuilder, name: string, x: Value, shape: LinearShape, transposed: boolean): Value | null;
  /**
   * The same with one of several weights that are stacked: floats [stack, out, in], or [stack, in, out] where they are
   * transposed, or codes in MXFP4 beside scales (`NAME_blocks`, `NAME_scales`), which are multiplied as they are where
   * nothing else is asked for.
   */
  multiplyQuantizedPart(
    into: GraphBuilder,
    name: string,
    x: Value,
    shape: LinearShape,
    piece: Piece,
    transposed: boolean,
  ): Value | null;
  /** Refuses a weight that the configuration says is not there: leaving it out would give another model. */
  refuse(name: string): void;
  /** y, what a linear layer [out, in] makes of x, plus the low-rank path that the adapter adds to it, if it does. */
  addAdapter(into: GraphBuilder, layer: string, shape: readonly [number, number], x: Value, y: Value): Value;
  /**
   * Checks that nothing was left over that should have been used.
   * @param layers number of blocks
   * @returns how many numbers the model's own weights have, and the adapter's beside them; which of all stay as they are
   * stored
   */
  finish(layers: number): { readonly parameters: number; readonly added: number; readonly stored: StoredWeights };
}

/** A checkpoint saved without its output head has all names without the model's own prefix. */
function withoutPrefix(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

/** Weights of blocks have the block's number in their names; embeddings and output heads have none. */
const IN_BLOCK = /\.\d+\./;

/** The types through which a weight becomes what it is used as; `dtype`: what it is rounded to on the way. */
function castsOf(stored: DataType, dtype: WeightDtype | null, as: DataType): DataType[] {
  const exact: DataType[] = stored === 'float64' ? ['float32'] : [];
  const rounded: DataType[] = dtype === null || dtype === 'float32' ? [] : [dtype];
  const types = [stored, ...exact, ...rounded, as];
  return types.slice(1).filter((to, at) => to !== types[at]);
}

/** A weight as it is stored, and in the types in which it is used. */
interface Placed {
  readonly stored: Value;
  readonly dataType: DataType;
  /** What it is rounded to before it is used; null: nothing. */
  readonly dtype: WeightDtype | null;
  /** Whether it becomes what it is used as in each run. */
  readonly late: boolean;
  readonly used: Map<DataType, Value>;
  readonly numbers: number;
  /** As it is stored. */
  readonly bytes: number;
}

interface ProductOptions {
  readonly transposed: boolean;
  readonly added?: Value | undefined;
  readonly as?: DataType | undefined;
  readonly alpha?: number;
}

function partName(name: string, part: number): string {
  return `${name}.${part}`;
}

export function placeWeights(graph: GraphBuilder, source: WeightSource): PlacedWeights {
  const placed = new Map<string, Placed>();
  let parameters = 0;
  const usedAdapters = new Set<string>();

  const quantized = new Map<string, { codes: Value; scales: Value }>();

  const checkShape = (name: string, { file, info, packed }: Weight, shape: readonly number[]): void => {
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      const isTurned = packed && info.shape.join() === shape.toReversed().join();
      const advice = /\.lora_[AB]$/.test(name)
        ? ' Is the adapter for another model?'
        : isTurned
          ? ` It is stored as ${packed.format}, the other way round than this class (Conv1D) has it, which is not read.`
          : '';
      throw new UserError(
        'model',
        `${file.path}: "${name}" has shape [${info.shape.join(', ')}]; the configuration makes it [${shape.join(', ')}].${advice}`,
      );
    }
  };

  /** Checks a weight's shape and type. @returns its type */
  const check = (name: string, weight: Weight, shape: readonly number[]): DataType => {
    checkShape(name, weight, shape);
    const { file, info } = weight;
    const dataType = FLOAT_TYPES[info.dtype];
    if (!dataType)
      throw new UserError('model', `${file.path}: "${name}" is ${info.dtype}; weights must be F32, F16, BF16 or F64.`);
    return dataType;
  };

  const place = (
    name: string,
    weight: Weight,
    shape: readonly number[],
    dtype: WeightDtype | null,
    piece?: Piece,
  ): Placed => {
    const key = piece === undefined ? name : partName(name, piece.part);
    const known = placed.get(key);
    if (known) return known;
    const { file, info, packed } = weight;
    const dataType = check(name, weight, piece === undefined ? shape : [piece.of, ...shape]);
    const { part, of } = piece ?? { part: 0, of: 1 };
    const length = info.byteLength / of;
    const whole = packed ? source.unpacked.place(weight) : { location: source.locate(file.path), offset: info.offset };
    const where = { location: whole.location, offset: whole.offset + part * length, length };
    const isLarge = shape.length === 2 && Math.min(...shape) >= LONG_SIDE;
    const late = source.layerwiseCasting && isLarge && castsOf(dataType, dtype, 'float32').length > 0;
    const stored = late ? graph.variable(key, dataType, shape, where) : graph.external(key, dataType, shape, where);
    const at = { stored, dataType, dtype, late, used: new Map(), numbers: elementCount(shape), bytes: length };
    placed.set(key, at);
    return at;
  };

  const castFrom = (
    into: GraphBuilder,
    { dataType, dtype }: Placed,
    value: Value,
    as: DataType,
    ahead = false,
  ): Value =>
    castsOf(dataType, dtype, as).reduce((from, to) => {
      const cast = { to: DATA_TYPES[to] };
      return ahead ? into.ahead('Cast', [from], cast) : into.node('Cast', [from], cast);
    }, value);

  /** A weight in the type in which it is used. */
  const used = (at: Placed, as: DataType = 'float32'): Value => {
    const value = at.used.get(as) ?? castFrom(graph, at, at.stored, as);
    at.used.set(as, value);
    return value;
  };

  /** alpha · x W (+ what is added), W [in, out], or [out, in] where it is transposed. */
  const product = (
    into: GraphBuilder,
    x: Value,
    at: Placed,
    { transposed, added, as = 'float32', alpha = 1 }: ProductOptions,
  ): Value => {
    const attributes = { ...(transposed && { transB: 1 }), ...(alpha !== 1 && { alpha: float(alpha) }) };
    if (!at.late) return into.node('Gemm', [x, used(at, as), ...(added ? [added] : [])], attributes);
    const weight = castFrom(into, at, at.stored, as, true);
    // A single row would be summed in another order than several, as the weight is not known beforehand.
    const padded = into.node('Pad', [x, into.constant([0, 0, 1, 0])]);
    const several = into.node('Gemm', [padded, weight], attributes);
    const rows = into.node('Slice', [several, into.constant([0]), into.constant([-1]), into.constant([0])]);
    return added ? into.node('Add', [rows, added]) : rows;
  };

  /** A weight of the model's own, placed. */
  const own = (name: string, shape: readonly number[], piece?: Piece): Placed => {
    const found = require(name);
    if (!placed.has(piece === undefined ? name : partName(name, piece.part))) parameters += elementCount(shape);
    return place(name, found, shape, source.dtype, piece);
  };

  /** Places codes and scales where there are none yet, and multiplies with them. */
  const multiply = (
    into: GraphBuilder,
    name: string,
    x: Value,
    shape: LinearShape,
    format: Format,
    rowsOf: () => StoredRows,
  ): Value => {
    let at = quantized.get(name);
    if (!at) {
      parameters += elementCount(shape);
      const { codes, scales } = source.quantized.place({ name, shape, rows: rowsOf() }, format);
      at = {
        codes: graph.external(`${name}.codes`, 'uint8', format.codes(shape), codes),
        scales: graph.external(`${name}.scales`, 'float32', format.scales(shape), scales),
      };
      quantized.set(name, at);
    }
    return inDtype(into, source.compute, x, (narrow) => {
      const { codes, scales } = at;
      const to = source.compute && DATA_TYPES[source.compute];
      return format.multiply(into, narrow, codes, to === null ? scales : graph.node('Cast', [scales], { to }), shape);
    });
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
    compute: source.compute,
    get: (name, shape) => used(own(name, shape)),
    getPart: (name, piece, shape) => used(own(name, shape, piece)),
    rows(into, name, shape, numbers) {
      const at = own(name, shape);
      if (!at.late) return into.node('Gather', [used(at), numbers], { axis: 0 });
      return castFrom(into, at, into.node('Gather', [at.stored, numbers], { axis: 0 }), 'float32');
    },
    multiply(into, x, { name, shape, piece, added, ...options }) {
      const at = own(name, shape, piece);
      return product(into, x, at, { ...options, added: added?.() });
    },
    multiplyQuantized(into, name, x, shape, transposed) {
      const { format } = source.quantized;
      if (!format || !IN_BLOCK.test(name)) return null;
      return multiply(into, name, x, shape, format, () => {
        const weight = require(name);
        check(name, weight, transposed ? [shape[1], shape[0]] : shape);
        return floatRows(weight, shape, { transposed });
      });
    },
    multiplyQuantizedPart(into, name, x, shape, { part, of: stack }, transposed) {
      const blocks = find(`${name}_blocks`);
      const format = source.quantized.format ?? (blocks ? mxfp4 : null);
      if (!format) return null;
      return multiply(into, partName(name, part), x, shape, format, () => {
        const [output, input] = shape;
        if (!blocks) {
          const weight = require(name);
          check(name, weight, transposed ? [stack, input, output] : [stack, output, input]);
          return floatRows(weight, shape, { transposed, part });
        }
        const scales = require(`${name}_scales`);
        checkShape(`${name}_blocks`, blocks, [stack, output, input / MX_BLOCK, MX_BLOCK / 2]);
        checkShape(`${name}_scales`, scales, [stack, output, input / MX_BLOCK]);
        for (const { file, info } of [blocks, scales]) {
          if (info.dtype === 'U8') continue;
          throw new UserError('model', `${file.path}: "${name}" is ${info.dtype}; codes and scales of MXFP4 are U8.`);
        }
        return mxfp4Rows(blocks, scales, shape, part);
      });
    },
    refuse(name) {
      if (find(name)) {
        throw new UserError(
          'model',
          `${source.folder}: the weights have "${name}", which the configuration says is not there.`,
        );
      }
    },
    addAdapter(into, layer, shape, x, y) {
      const low = source.adapter?.modules.get(layer);
      if (!low) return y;
      usedAdapters.add(layer);
      const a = place(`${layer}.lora_A`, low.a, [low.rank, shape[1]], null);
      const b = place(`${layer}.lora_B`, low.b, [shape[0], low.rank], null);
      const narrow = product(into, x, a, { transposed: true });
      return product(into, narrow, b, { transposed: true, added: y, alpha: low.scale });
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
      const added = [...usedAdapters]
        .map((layer) => source.adapter!.modules.get(layer)!)
        .reduce((sum, { a, b }) => sum + elementCount(a.info.shape) + elementCount(b.info.shape), 0);
      const stored = [...placed.values()].filter(({ late }) => late);
      const bytes = stored.reduce((sum, at) => sum + at.bytes, 0);
      return {
        parameters,
        added,
        stored: {
          numbers: stored.reduce((sum, { numbers }) => sum + numbers, 0),
          bytes: bytes + 4 * Math.max(0, ...stored.map(({ numbers }) => numbers)),
        },
      };
    },
  };
}
