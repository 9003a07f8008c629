import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { type GemmForm, gemmModel, type Precision } from './gemm-model.ts';

/** A matrix [rows, columns], row-major. */
export interface Matrix<Data = Float64Array> {
  readonly data: Data;
  readonly rows: number;
  readonly columns: number;
}

/** Matrix products, in float64 where it is not said otherwise. */
export interface Gemm {
  multiply(form: GemmForm, a: Matrix, b: Matrix): Promise<Float64Array>;
  /** A·B in float32, at about twice the speed; `into` has the product's shape. */
  multiplySingle(
    form: GemmForm,
    a: Matrix<Float32Array>,
    b: Matrix<Float32Array>,
    into: Matrix<Float32Array>,
  ): Promise<void>;
  /** C − A·B; `c` has the product's shape and is not changed. */
  subtract(form: GemmForm, a: Matrix, b: Matrix, c: Float64Array): Promise<Float64Array>;
}

export function matrix<Data>(data: Data, rows: number, columns: number): Matrix<Data> {
  return { data, rows, columns };
}

/** Below this many multiplications a plain loop is faster than a call into ONNX Runtime (about 15 µs). */
const SMALL_PRODUCT = 16_384;

const opened = new Map<number, Promise<Gemm>>();

/**
 * Products on ONNX Runtime's CPU provider (`Gemm`) with the given number of threads; loaded when first used. A product's bytes depend on its operands alone: threads divide rows and columns, never a sum.
 */
export function openGemm(threads: number): Promise<Gemm> {
  let gemm = opened.get(threads);
  if (gemm === undefined) {
    gemm = createGemm(threads);
    opened.set(threads, gemm);
  }
  return gemm;
}

async function createGemm(threads: number): Promise<Gemm> {
  const ort = await import('onnxruntime-node');
  const options: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  };
  const sessions = new Map<string, InferenceSession>();
  const open = async (form: GemmForm, subtract: boolean, precision: Precision) => {
    const session = await ort.InferenceSession.create(gemmModel(form, subtract, precision), options);
    sessions.set(`${form}${subtract}${precision}`, session);
  };
  for (const form of ['nn', 'nt', 'tn'] as const) {
    await open(form, false, 'float64');
    await open(form, true, 'float64');
    await open(form, false, 'float32');
  }
  const run = async (form: GemmForm, a: Matrix, b: Matrix, c: Float64Array | null): Promise<Float64Array> => {
    const { rows, columns, inner } = shapeOf(form, a, b);
    if (rows * columns * inner <= SMALL_PRODUCT) return smallProduct(form, a, b, c);
    const feeds: Record<string, Tensor> = {
      A: new ort.Tensor('float64', a.data, [a.rows, a.columns]),
      B: new ort.Tensor('float64', b.data, [b.rows, b.columns]),
    };
    if (c !== null) feeds.C = new ort.Tensor('float64', c, [rows, columns]);
    const { Y } = await sessions.get(`${form}${c !== null}float64`)!.run(feeds);
    return Y!.data as Float64Array;
  };
  return {
    multiply: (form, a, b) => run(form, a, b, null),
    subtract: (form, a, b, c) => run(form, a, b, c),
    async multiplySingle(form, a, b, into) {
      const tensorOf = ({ data, rows, columns }: Matrix<Float32Array>) =>
        new ort.Tensor('float32', data, [rows, columns]);
      await sessions.get(`${form}falsefloat32`)!.run({ A: tensorOf(a), B: tensorOf(b) }, { Y: tensorOf(into) });
    },
  };
}

function shapeOf(form: GemmForm, a: Matrix, b: Matrix) {
  const [rows, inner] = form === 'tn' ? [a.columns, a.rows] : [a.rows, a.columns];
  return { rows, columns: form === 'nt' ? b.rows : b.columns, inner };
}

function smallProduct(form: GemmForm, a: Matrix, b: Matrix, c: Float64Array | null): Float64Array {
  const { rows, columns, inner } = shapeOf(form, a, b);
  const [aRow, aInner] = form === 'tn' ? [1, a.columns] : [a.columns, 1];
  const [bInner, bColumn] = form === 'nt' ? [1, b.columns] : [b.columns, 1];
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a.data[i * aRow + k * aInner]! * b.data[k * bInner + j * bColumn]!;
      out[i * columns + j] = c === null ? sum : c[i * columns + j]! - sum;
    }
  }
  return out;
}
