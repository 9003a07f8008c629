import type { OuterSplit } from '../learner.ts';

/** Folds are the cells; the inner folds of a held-out fold are the other folds that it is trained on. */
export function splitsOfFolds(folds: number, heldOut: readonly number[]): OuterSplit[] {
  const kept = keptCells(folds, heldOut);
  return heldOut.map((fold) => {
    const train = kept.filter((other) => other !== fold);
    const inner = train.map((test) => ({ train: train.filter((other) => other !== test), test: [test] }));
    return { train, test: [fold], inner };
  });
}

/** What the kept probe may be fitted on: all folds, or those that are never held out where there are such. */
export function keptCells(folds: number, heldOut: readonly number[]): number[] {
  const all = Array.from({ length: folds }, (_, fold) => fold);
  return heldOut.length === folds ? all : all.filter((fold) => !heldOut.includes(fold));
}

/** The split that trains on all of the given cells, with the inner folds of all others. */
export function wholeSplit(cells: readonly number[], splits: readonly OuterSplit[]): OuterSplit {
  return { train: cells, test: [], inner: splits.flatMap(({ inner }) => inner) };
}
