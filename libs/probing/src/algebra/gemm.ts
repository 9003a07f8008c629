import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { type GemmForm, gemmModel } from './gemm-model.ts';

/** A matrix [rows, columns], row-major. */
export interface Matrix {
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Float64 matrix products. */
export interface Gemm {
  multiply(form: GemmForm, a: Matrix, b: Matrix): Promise<Float64Array>;
  /** C − A·B; `c` has the product's shape and is not changed. */
  subtract(form: GemmForm, a: Matrix, b: Matrix, c: Float64Array): Promise<Float64Array>;
}

export function matrix(data: Float64Array, rows: number, columns: number): Matrix {
  return { data, rows, columns };
}

/** Below this many multiplications a plain loop is faster than a call into ONNX Runtime (about 15 µs). */
const SMALL_PRODUCT = 16_384;

const opened = new Map<number, Promise<Gemm>>();

/**
 * Products on ONNX Runtime's CPU provider (`Gemm` in double precision) with the given number of threads; loaded when
 * first used. A product's bytes depend on its operands alone: threads divide rows and columns, never a sum.
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
  for (const form of ['nn', 'nt', 'tn'] as const) {
    for (const subtract of [false, true]) {
      const session = await ort.InferenceSession.create(gemmModel(form, subtract), options);
      sessions.set(`${form}${subtract}`, session);
    }
  }
  const tensor = (data: Float64Array, rows: number, columns: number) =>
    new ort.Tensor('float64', data, [rows, columns]);
  const run = async (form: GemmForm, a: Matrix, b: Matrix, c: Float64Array | null): Promise<Float64Array> => {
    const rows = form === 'tn' ? a.columns : a.rows;
    const columns = form === 'nt' ? b.rows : b.columns;
    const inner = form === 'tn' ? a.rows : a.columns;
    if (rows * columns * inner <= SMALL_PRODUCT) return smallProduct(form, a, b, c);
    const feeds: Record<string, Tensor> = {
      A: tensor(a.data, a.rows, a.columns),
      B: tensor(b.data, b.rows, b.columns),
    };
    if (c !== null) feeds.C = tensor(c, rows, columns);
    const result = await sessions.get(`${form}${c !== null}`)!.run(feeds);
    return result.Y!.data as Float64Array;
  };
  return {
    multiply: (form, a, b) => run(form, a, b, null),
    subtract: (form, a, b, c) => run(form, a, b, c),
  };
}

function smallProduct(form: GemmForm, a: Matrix, b: Matrix, c: Float64Array | null): Float64Array {
  const rows = form === 'tn' ? a.columns : a.rows;
  const columns = form === 'nt' ? b.rows : b.columns;
  const inner = form === 'tn' ? a.rows : a.columns;
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
