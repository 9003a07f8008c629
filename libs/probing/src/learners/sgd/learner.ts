import { UserError } from '@sonde/base';
import { randomPermutation, randomStream, requireInteger } from '@sonde/numerics';
import { openGemm } from '../../algebra/gemm.ts';
import type { Fitted, Learner, OuterSplit } from '../../learner.ts';
import { type Problem, rowCount, rowsIn, targetOf } from '../../rows.ts';
import { type LinearMaps, mapsAt, placesBetween, predictLinear } from '../linear.ts';
import { PUBLISHED, type Recipe, train } from './train.ts';

export interface SgdOptions {
  /** Seeds the initial weights, the validation rows, the order of rows and dropout; 0 by default. */
  readonly seed?: number;
  /** What differs from the published procedure. */
  readonly recipe?: Partial<Recipe>;
}

interface SgdProbe extends Fitted {
  readonly maps: LinearMaps;
}

/**
 * The published procedure (Waldis et al. 2026): a linear layer behind dropout, SmoothL1 loss, Adam with linear warm-up
 * and decay, early stopping on a fifth of the training rows. Targets are scaled to [0, 1] over all rows, the held-out
 * ones included, and validation rows are drawn without regard to prompts, as published. There is no setting to choose,
 * so inner splits are not read.
 */
export async function openSgd(
  problem: Problem,
  splits: readonly OuterSplit[],
  options: SgdOptions,
): Promise<Learner<SgdProbe>> {
  const seed = options.seed ?? 0;
  const recipe = { ...PUBLISHED, ...options.recipe };
  const scales = Array.from({ length: problem.columns }, (_, column) => rangeOf(problem, column));
  const gemm = await openGemm(1);
  return {
    async fit(split, columns) {
      const { train: cells } = splits[split]!;
      if (rowsIn(problem, cells) < 2) return null;
      const rows = Int32Array.from(cells.flatMap((cell) => [...problem.cells[cell]!])).sort();
      const order = randomPermutation(randomStream(seed, `sgd/validation/${split}`), rows.length);
      const held = Math.max(1, Math.floor(recipe.validation * rows.length));
      const take = (from: number, to: number) => Int32Array.from(order.subarray(from, to), (at) => rows[at]!);
      const scaled = new Float32Array(rows.length * columns.length);
      const placeOf = new Int32Array(rowCount(problem.states));
      for (const [place, row] of rows.entries()) {
        placeOf[row] = place;
        for (const [t, column] of columns.entries()) {
          const { low, range } = scales[column]!;
          const value = targetOf(problem, row, column);
          scaled[place * columns.length + t] = range === 0 ? 0 : (value - low) / range;
        }
      }
      const { weights, biases } = train({
        states: problem.states,
        targets: { values: scaled, columns: columns.length, placeOf },
        trainingRows: take(held, rows.length),
        validationRows: take(0, held),
        seed,
        name: `sgd/${split}`,
        recipe,
      });
      return {
        columns,
        penalties: null,
        atEdge: columns.map(() => false),
        maps: mapsOf(problem, columns, scales, weights, biases),
      };
    },
    predict: ({ maps }, rows, count) => predictLinear(gemm, problem, mapsAt(maps, placesBetween(0, count)), rows),
  };
}

/** Maps from shifted states to shifted targets, of maps from raw states to scaled ones. */
function mapsOf(
  problem: Problem,
  columns: readonly number[],
  scales: readonly { readonly low: number; readonly range: number }[],
  weights: Float32Array,
  biases: Float32Array,
): LinearMaps {
  const { d } = problem.states;
  const width = columns.length;
  const out = new Float64Array(d * width);
  const intercepts = new Float64Array(width);
  for (const [t, column] of columns.entries()) {
    const { low, range } = scales[column]!;
    let atShift = biases[t]!;
    for (let j = 0; j < d; j++) {
      const weight = weights[t * d + j]!;
      out[j * width + t] = range * weight;
      atShift += problem.shift[j]! * weight;
    }
    intercepts[t] = low + range * atShift;
  }
  return { columns, weights: out, intercepts };
}

function rangeOf(problem: Problem, column: number): { low: number; range: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const cell of problem.cells) {
    for (const row of cell) {
      const value = targetOf(problem, row, column);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low <= high ? { low, range: high - low } : { low: 0, range: 0 };
}

/** @throws UserError where an option is out of range */
export function checkSgd({ seed = 0, recipe = {} }: SgdOptions): void {
  requireInteger('seed', seed, 0);
  const { epochs, batch, patience, dropout, validation } = { ...PUBLISHED, ...recipe };
  for (const [name, value] of Object.entries({ epochs, batch, patience })) requireInteger(name, value, 1);
  for (const [name, value] of Object.entries({ dropout, validation })) {
    if (!(value >= 0 && value < 1)) {
      throw new UserError('argument', `${name} is ${value}; give a share of at least 0 and below 1.`);
    }
  }
}
