import { SHORT_SPIN } from '@sonde/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { type GemmForm, gemmModel, type Precision } from './gemm-model.ts';

/** A matrix [rows, columns], row-major. */
export interface Matrix<Data = Float64Array> {
  readonly data: Data;
  readonly rows: number;
  readonly columns: number;
}

/** What products are computed in: float32 is about twice as fast. */
export type Numbers = Float64Array | Float32Array;

/** Matrix products. (Memory to write them into would save nothing: ONNX Runtime's binding copies every result.) */
export interface Gemm {
  multiply<Data extends Numbers>(form: GemmForm, a: Matrix<Data>, b: Matrix<Data>): Promise<Data>;
  /** C − A·B; `c` has the product's shape and is not changed. */
  subtract<Data extends Numbers>(form: GemmForm, a: Matrix<Data>, b: Matrix<Data>, c: Data): Promise<Data>;
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
    extra: SHORT_SPIN,
  };
  const sessions = new Map<string, InferenceSession>();
  for (const form of ['nn', 'nt', 'tn'] as const) {
    for (const subtract of [false, true]) {
      for (const precision of ['float64', 'float32'] as const) {
        const session = await ort.InferenceSession.create(gemmModel(form, subtract, precision), options);
        sessions.set(`${form}${subtract}${precision}`, session);
      }
    }
  }
  const run = async <Data extends Numbers>(
    form: GemmForm,
    a: Matrix<Data>,
    b: Matrix<Data>,
    c: Data | null,
  ): Promise<Data> => {
    const { rows, columns, inner } = shapeOf(form, a, b);
    if (rows * columns * inner <= SMALL_PRODUCT) return smallProduct(form, a, b, c);
    const precision: Precision = a.data instanceof Float64Array ? 'float64' : 'float32';
    const tensorOf = (of: Matrix<Data>): Tensor => new ort.Tensor(precision, of.data, [of.rows, of.columns]);
    const feeds: Record<string, Tensor> = { A: tensorOf(a), B: tensorOf(b) };
    if (c !== null) feeds.C = tensorOf(matrix(c, rows, columns));
    const { Y } = await sessions.get(`${form}${c !== null}${precision}`)!.run(feeds);
    return Y!.data as Data;
  };
  return {
    multiply: (form, a, b) => run(form, a, b, null),
    subtract: (form, a, b, c) => run(form, a, b, c),
  };
}

function shapeOf(form: GemmForm, a: Matrix<unknown>, b: Matrix<unknown>) {
  const [rows, inner] = form === 'tn' ? [a.columns, a.rows] : [a.rows, a.columns];
  return { rows, columns: form === 'nt' ? b.rows : b.columns, inner };
}

function smallProduct<Data extends Numbers>(form: GemmForm, a: Matrix<Data>, b: Matrix<Data>, c: Data | null): Data {
  const { rows, columns, inner } = shapeOf(form, a, b);
  const [aRow, aInner] = form === 'tn' ? [1, a.columns] : [a.columns, 1];
  const [bInner, bColumn] = form === 'nt' ? [1, b.columns] : [b.columns, 1];
  const out = new (a.data.constructor as new (size: number) => Data)(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a.data[i * aRow + k * aInner]! * b.data[k * bInner + j * bColumn]!;
      out[i * columns + j] = c === null ? sum : c[i * columns + j]! - sum;
    }
  }
  return out;
}
