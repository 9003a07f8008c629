import type { OuterSplit } from '../learner.ts';

/** Outer folds are the cells; the inner folds of an outer fold are the other outer folds. */
export function splitsOfFolds(folds: number): OuterSplit[] {
  const all = Array.from({ length: folds }, (_, fold) => fold);
  return all.map((fold) => {
    const train = all.filter((other) => other !== fold);
    const inner = train.map((test) => ({ train: train.filter((other) => other !== test), test: [test] }));
    return { train, test: [fold], inner };
  });
}

/** The split that trains on all of the given cells, with the inner folds of all others. */
export function wholeSplit(cells: readonly number[], splits: readonly OuterSplit[]): OuterSplit {
  return { train: cells, test: [], inner: splits.flatMap(({ inner }) => inner) };
}
