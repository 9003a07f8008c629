import { type Gemm, matrix } from '../../algebra/gemm.ts';
import { chunks, gather, type Problem } from '../../rows.ts';

/** Networks of some columns side by side: unit u of column c is hidden unit c · hidden + u of one wide layer. */
export interface Layout {
  readonly d: number;
  readonly hidden: number;
  readonly columns: readonly number[];
}

/** How a network sees states and targets: less a mean, over a standard deviation. */
export interface Scales {
  /** [d] */
  readonly mean: Float64Array;
  readonly sd: Float64Array;
  /** [columns] */
  readonly targetMean: Float64Array;
  readonly targetSd: Float64Array;
}

/** Where the parameters lie: W₁ [d, units], b₁ [units], w₂ [units], b₂ [columns]. */
export interface Net {
  readonly parameters: Float64Array;
  readonly scales: Scales;
}

export function offsets({ d, hidden, columns }: Layout) {
  const units = hidden * columns.length;
  return { units, b1: d * units, w2: (d + 1) * units, b2: (d + 2) * units, end: (d + 2) * units + columns.length };
}

/** Standardised states of some rows [rows, d]; a constant column is 0. */
export function inputs(problem: Problem, { mean, sd }: Scales, rows: Int32Array): Float64Array {
  const x = gather(problem, rows);
  const { d } = problem.states;
  for (let at = 0; at < x.length; ) {
    for (let j = 0; j < d; j++, at++) x[at] = sd[j] === 0 ? 0 : (x[at]! - mean[j]!) / sd[j]!;
  }
  return x;
}

/** Hidden units after the rectifier [rows, units], and outputs in standardised units [rows, columns]. */
export async function forward(gemm: Gemm, layout: Layout, parameters: Float64Array, x: Float64Array, rows: number) {
  const { d, hidden, columns } = layout;
  const { units, b1, w2, b2 } = offsets(layout);
  const active = await gemm.multiply('nn', matrix(x, rows, d), matrix(parameters.subarray(0, b1), d, units));
  const out = new Float64Array(rows * columns.length);
  for (let r = 0, at = 0; r < rows; r++) {
    for (let c = 0, u = 0; c < columns.length; c++) {
      let sum = parameters[b2 + c]!;
      for (let h = 0; h < hidden; h++, u++, at++) {
        const value = active[at]! + parameters[b1 + u]!;
        active[at] = value > 0 ? value : 0;
        if (value > 0) sum += value * parameters[w2 + u]!;
      }
      out[r * columns.length + c] = sum;
    }
  }
  return { active, out };
}

/** Predictions of shifted targets [rows, columns]. */
export async function predictNet(gemm: Gemm, problem: Problem, net: Net, layout: Layout, rows: Int32Array) {
  const width = layout.columns.length;
  const { targetMean, targetSd } = net.scales;
  const predicted = new Float64Array(rows.length * width);
  let at = 0;
  for (const chunk of chunks(rows)) {
    const x = inputs(problem, net.scales, chunk);
    const { out } = await forward(gemm, layout, net.parameters, x, chunk.length);
    for (let i = 0; i < out.length; i++, at++) predicted[at] = targetMean[i % width]! + targetSd[i % width]! * out[i]!;
  }
  return predicted;
}
