import { type DataType, float, type GraphBuilder, type Value } from '@sonde/onnx';
import type { DType } from '@sonde/tensors';
import type { Adapter } from '../adapter.ts';
import type { DecoderSizes } from '../architectures/architecture.ts';
import type { Weight } from '../checkpoint.ts';
import { ModelError } from '../errors.ts';
import { type AttentionInputs, attend, type Projections } from './attention.ts';

/** The building parts of which architectures are described. Hidden values have shape [tokens, size]. */
export interface Parts {
  embedding(name: string, ids: Value, shape: readonly [number, number]): Value;
  /** x Wᵀ (+ b), with W [out, in], plus the adapter's low-rank path if it has one for this layer. */
  linear(name: string, x: Value, shape: readonly [number, number], bias: boolean): Value;
  rmsNorm(name: string, x: Value, size: number, epsilon: number): Value;
  /** Rotates queries or keys [tokens, heads · headSize] to their positions. */
  rotate(x: Value): Value;
  attention(layer: number, projections: Projections): Value;
  add(a: Value, b: Value): Value;
  multiply(a: Value, b: Value): Value;
  silu(x: Value): Value;
  /** The contribution of a block's attention; nothing where the block or its attention is bypassed. */
  gateAttention(layer: number, x: Value): Value;
  /** The contribution of a block's MLP; nothing where the block or its MLP is bypassed. */
  gateMlp(layer: number, x: Value): Value;
}

/** Where the weights of a graph come from, and what of it was used. */
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

/** The values of a run that the parts use. */
export interface RunValues {
  /** [sequences, T, −1] */
  readonly rowShape: Value;
  readonly positionIds: Value;
  readonly cos: Value;
  readonly sin: Value;
  readonly attention: AttentionInputs;
  /** A scalar for each block, 1 or 0. */
  readonly attentionGates: readonly Value[];
  readonly mlpGates: readonly Value[];
}

export function createParts(
  graph: GraphBuilder,
  source: WeightSource,
  sizes: DecoderSizes,
  run: RunValues,
): { parts: Parts; usedAdapters: Set<string> } {
  const usedAdapters = new Set<string>();
  const known = new Map<string, Value>();

  const place = (name: string, { file, info }: Weight, shape: readonly number[]): Value => {
    const existing = known.get(name);
    if (existing) return existing;
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new ModelError(
        `${file.path}: "${name}" has shape [${info.shape.join(', ')}]; the configuration makes it [${shape.join(', ')}].`,
      );
    }
    const dataType = FLOAT_TYPES[info.dtype];
    if (!dataType)
      throw new ModelError(`${file.path}: "${name}" is ${info.dtype}; weights must be F32, F16, BF16 or F64.`);
    const where = { location: source.locate(file.path), offset: info.offset, length: info.byteLength };
    const value = graph.external(name, dataType, shape, where);
    const cast = dataType === 'float32' ? value : graph.node('Cast', [value], { to: 1 });
    known.set(name, cast);
    return cast;
  };

  const weight = (name: string, shape: readonly number[]): Value => {
    const found = source.weights.get(name);
    if (!found) throw new ModelError(`${source.folder}: the weights lack "${name}", which the configuration needs.`);
    return place(name, found, shape);
  };

  const parts: Parts = {
    embedding: (name, ids, shape) => graph.node('Gather', [weight(`${name}.weight`, shape), ids], { axis: 0 }),

    linear(name, x, shape, bias) {
      const inputs = [x, weight(`${name}.weight`, shape)];
      if (bias) inputs.push(weight(`${name}.bias`, [shape[0]]));
      const y = graph.node('Gemm', inputs, { transB: 1 });
      const low = source.adapter?.modules.get(name);
      if (!low) return y;
      usedAdapters.add(name);
      const a = place(`${name}.lora_A`, low.a, [low.rank, shape[1]]);
      const b = place(`${name}.lora_B`, low.b, [shape[0], low.rank]);
      const narrow = graph.node('Gemm', [x, a], { transB: 1 });
      return graph.node('Gemm', [narrow, b, y], { transB: 1, alpha: float(low.scale) });
    },

    rmsNorm: (name, x, size, epsilon) =>
      graph.node('RMSNormalization', [x, weight(`${name}.weight`, [size])], { axis: -1, epsilon: float(epsilon) }),

    rotate(x) {
      const rows = graph.node('Reshape', [x, run.rowShape]);
      return graph.node('com.microsoft::RotaryEmbedding', [rows, run.positionIds, run.cos, run.sin]);
    },

    attention: (layer, projections) => attend(graph, sizes, layer, projections, run.attention),
    add: (a, b) => graph.node('Add', [a, b]),
    multiply: (a, b) => graph.node('Mul', [a, b]),
    silu: (x) => graph.node('com.microsoft::QuickGelu', [x], { alpha: float(1) }),
    gateAttention: (layer, x) => graph.node('Mul', [x, run.attentionGates[layer]!]),
    gateMlp: (layer, x) => graph.node('Mul', [x, run.mlpGates[layer]!]),
  };
  return { parts, usedAdapters };
}
