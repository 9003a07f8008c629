import { randomPermutation, randomStream } from '@sonde/numerics';
import { type Gemm, matrix } from '../../algebra/gemm.ts';
import type { Split } from '../../learner.ts';
import { chunks, gather, type Problem, targetOf } from '../../rows.ts';
import { ADAM, adamState, adamStep } from '../sgd/adam.ts';
import { EarlyStopping } from '../sgd/early-stopping.ts';
import { forward, inputs, type Layout, type Net, offsets, predictNet, type Scales } from './net.ts';

export interface Recipe {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly batch: number;
  readonly epochs: number;
  /** Epochs without a smaller validation error after which a column's training stops. */
  readonly patience: number;
}

export const RECIPE: Recipe = { learningRate: 1e-3, weightDecay: 1e-2, batch: 64, epochs: 100, patience: 10 };

export interface Training {
  readonly gemm: Gemm;
  readonly problem: Problem;
  /** Trains on its training rows, stops by the error on its test rows. */
  readonly split: Split;
  readonly layout: Layout;
  readonly seed: number;
  /** Names the random streams. */
  readonly name: string;
  readonly recipe: Recipe;
}

/**
 * Trains a network for each column by AdamW. Columns share initial weights and the order of rows, as separate
 * trainings from one seed would, and each keeps its best epoch by its own validation error.
 */
export async function train({ gemm, problem, split, layout, seed, name, recipe }: Training): Promise<Net> {
  const rowsOf = (cells: readonly number[]) =>
    Int32Array.from(cells.flatMap((cell) => [...problem.cells[cell]!])).sort();
  const [rows, held] = [rowsOf(split.train), rowsOf(split.test)];
  const scales = scalesOf(problem, layout, rows);
  const { columns, hidden, d } = layout;
  const { units, b1, w2, b2, end } = offsets(layout);
  const state = adamState(initial(seed, name, layout));
  const { parameters } = state;
  const best = parameters.slice();
  const stopping = columns.map(() => new EarlyStopping(recipe.patience));
  let running = columns.map((_, c) => c);
  const order = randomStream(seed, `${name}/order`);
  const gradient = new Float64Array(end);
  const decayed = { ...ADAM, weightDecay: recipe.weightDecay, decoupled: true };
  for (let epoch = 0, step = 1; epoch < recipe.epochs && running.length > 0; epoch++) {
    const shuffled = randomPermutation(order, rows.length);
    for (let start = 0; start < rows.length; start += recipe.batch, step++) {
      const batch = Int32Array.from(shuffled.subarray(start, start + recipe.batch), (at) => rows[at]!);
      const x = inputs(problem, scales, batch);
      const { active, out } = await forward(gemm, layout, parameters, x, batch.length);
      gradient.fill(0);
      // In place of the units' values, what the loss changes by with each.
      for (let r = 0, at = 0; r < batch.length; r++) {
        for (let c = 0, u = 0; c < columns.length; c++) {
          const slope =
            (2 * (out[r * columns.length + c]! - truth(problem, scales, layout, batch[r]!, c))) / batch.length;
          gradient[b2 + c] = gradient[b2 + c]! + slope;
          for (let h = 0; h < hidden; h++, u++, at++) {
            const value = active[at]!;
            gradient[w2 + u] = gradient[w2 + u]! + slope * value;
            active[at] = value > 0 ? slope * parameters[w2 + u]! : 0;
            gradient[b1 + u] = gradient[b1 + u]! + active[at]!;
          }
        }
      }
      gradient.set(await gemm.multiply('tn', matrix(x, batch.length, d), matrix(active, batch.length, units)));
      adamStep(state, gradient, [0, end], step, recipe.learningRate, decayed);
    }
    const errors = await validationErrors(gemm, problem, { parameters, scales }, layout, held);
    running = running.filter((c) => {
      const { best: improved, stop } = stopping[c]!.take(errors[c]!);
      if (improved) copyColumn(parameters, best, layout, c);
      return !stop;
    });
  }
  return { parameters: best, scales };
}

function truth(
  problem: Problem,
  { targetMean, targetSd }: Scales,
  { columns }: Layout,
  row: number,
  c: number,
): number {
  const value = targetOf(problem, row, columns[c]!);
  return targetSd[c] === 0 ? 0 : (value - targetMean[c]!) / targetSd[c]!;
}

async function validationErrors(gemm: Gemm, problem: Problem, net: Net, layout: Layout, rows: Int32Array) {
  const width = layout.columns.length;
  const predicted = await predictNet(gemm, problem, net, layout, rows);
  const errors = new Float64Array(width);
  for (const [r, row] of rows.entries()) {
    for (const [c, column] of layout.columns.entries()) {
      const off = predicted[r * width + c]! - targetOf(problem, row, column);
      errors[c] = errors[c]! + off * off;
    }
  }
  return errors;
}

/** Copies the parameters of one column's network. */
function copyColumn(from: Float64Array, into: Float64Array, layout: Layout, c: number): void {
  const { d, hidden } = layout;
  const { units, b2 } = offsets(layout);
  // Rows of W₁, then b₁ and w₂, lie one below the other.
  for (let row = 0; row < d + 2; row++) {
    const at = row * units + c * hidden;
    into.set(from.subarray(at, at + hidden), at);
  }
  into[b2 + c] = from[b2 + c]!;
}

/** Uniform in ±1/√(inputs), the same for every column: PyTorch's initial linear layers. */
function initial(seed: number, name: string, layout: Layout): Float64Array {
  const { d, hidden, columns } = layout;
  const { units, b2, end } = offsets(layout);
  const stream = randomStream(seed, `${name}/weights`);
  const uniform = (inputCount: number) => ((stream.word() + 0.5) / 0x80000000 - 1) / Math.sqrt(inputCount);
  const parameters = new Float64Array(end);
  for (let row = 0; row < d + 2; row++) {
    for (let h = 0; h < hidden; h++) {
      const value = uniform(row <= d ? d : hidden);
      for (let c = 0; c < columns.length; c++) parameters[row * units + c * hidden + h] = value;
    }
  }
  return parameters.fill(uniform(hidden), b2);
}

/** Mean and standard deviation (divisor n) of the columns of states and targets; 0 where there is no more than rounding. */
function scalesOf(problem: Problem, { d, columns }: Layout, rows: Int32Array): Scales {
  const n = rows.length;
  const mean = new Float64Array(d);
  const squares = new Float64Array(d);
  for (const chunk of chunks(rows)) {
    const x = gather(problem, chunk);
    for (let at = 0; at < x.length; ) for (let j = 0; j < d; j++, at++) mean[j] = mean[j]! + x[at]! / n;
  }
  for (const chunk of chunks(rows)) {
    const x = gather(problem, chunk);
    for (let at = 0; at < x.length; )
      for (let j = 0; j < d; j++, at++) squares[j] = squares[j]! + (x[at]! - mean[j]!) ** 2 / n;
  }
  const targetMean = new Float64Array(columns.length);
  const targetSd = new Float64Array(columns.length);
  for (const [c, column] of columns.entries()) {
    const values = Float64Array.from(rows, (row) => targetOf(problem, row, column));
    targetMean[c] = values.reduce((sum, value) => sum + value / n, 0);
    targetSd[c] = values.every((value) => value === values[0])
      ? 0
      : Math.sqrt(values.reduce((sum, value) => sum + (value - targetMean[c]!) ** 2 / n, 0));
  }
  const sd = squares.map((value, j) => (value <= ROUNDING * mean[j]! ** 2 ? 0 : Math.sqrt(value)));
  return { mean, sd, targetMean, targetSd };
}

const ROUNDING = 1e-26;
