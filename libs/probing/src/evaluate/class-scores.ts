/** The class of a row, and the one that a probe calls it. */
export interface Called {
  readonly truth: number;
  readonly called: number;
}

export interface ClassScores {
  /** Mean F1 of the classes that occur, in truth or in what was called. */
  readonly macroF1: number;
  /** Mean recall of the classes that occur in truth. */
  readonly balancedAccuracy: number;
}

/** How well rows are told into `classes` classes, numbered from 0; NaN without a row. */
export function classScores(rows: readonly Called[], classes: number): ClassScores {
  const [right, truths, calls] = [0, 1, 2].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (const { truth, called } of rows) {
    truths[truth]!++;
    calls[called]!++;
    if (truth === called) right[truth]!++;
  }
  return scoresOfCounts(right, truths, calls);
}

/** The same from counts by class: of rows that were called right, that are of it, and that were called so. */
export function scoresOfCounts(
  right: ArrayLike<number>,
  truths: ArrayLike<number>,
  calls: ArrayLike<number>,
): ClassScores {
  const all = Array.from(right, (_, c) => c);
  const mean = (among: readonly number[], of: (c: number) => number) =>
    among.reduce((sum, c) => sum + of(c), 0) / among.length;
  return {
    macroF1: mean(
      all.filter((c) => truths[c]! + calls[c]! > 0),
      (c) => (2 * right[c]!) / (truths[c]! + calls[c]!),
    ),
    balancedAccuracy: mean(
      all.filter((c) => truths[c]! > 0),
      (c) => right[c]! / truths[c]!,
    ),
  };
}

/**
 * Scores of classes that were probed one against the rest: a row is called the class whose probe predicts most, the
 * first on ties.
 *
 * @param targets a column a class [n], 1 where a row is of it, else 0
 * @param predicted the same of the probes
 * @param rows which rows count
 * @returns null without a row, or where a row has no prediction
 */
export function oneAgainstRest(
  targets: readonly Float64Array[],
  predicted: readonly Float64Array[],
  rows: ArrayLike<number>,
): ClassScores | null {
  if (rows.length === 0) return null;
  const called = Array.from(rows, (row): Called => {
    const most = predicted.reduce((best, values, c) => (values[row]! > predicted[best]![row]! ? c : best), 0);
    return { truth: targets.findIndex((values) => values[row] === 1), called: most };
  });
  if (predicted.some((values) => Array.prototype.some.call(rows, (row: number) => Number.isNaN(values[row]!)))) {
    return null;
  }
  return classScores(called, targets.length);
}
