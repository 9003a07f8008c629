import type { Fitted, Learner, OuterSplit } from '../../learner.ts';
import { type Problem, rowsIn, targetOf } from '../../rows.ts';

interface MeanProbe extends Fitted {
  readonly means: Float64Array;
}

/** Predicts the training rows' mean whatever the state: what a probe has to beat. */
export async function openMean(problem: Problem, splits: readonly OuterSplit[]): Promise<Learner<MeanProbe>> {
  return {
    async fit(split, columns) {
      const { train } = splits[split]!;
      const rows = rowsIn(problem, train);
      if (rows === 0) return null;
      const means = Float64Array.from(columns, (column) => {
        let sum = 0;
        for (const cell of train) for (const row of problem.cells[cell]!) sum += targetOf(problem, row, column);
        return sum / rows;
      });
      const maps = { columns, weights: new Float64Array(problem.states.d * columns.length), intercepts: means };
      return { columns, penalties: null, atEdge: columns.map(() => false), maps, means };
    },
    async predict({ means }, rows, count) {
      return Float64Array.from({ length: rows.length * count }, (_, i) => means[i % count]!);
    },
  };
}
