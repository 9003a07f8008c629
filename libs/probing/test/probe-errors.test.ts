import { describe, expect, test } from 'vitest';
import { groupedFolds, type ProbeOptions, trainProbes } from '../src/index.ts';
import { one, optionsFor, synthetic } from './synthetic.ts';

describe('what cannot be probed is an error that says why', () => {
  const data = synthetic({ prompts: 12, rows: 2, d: 3, seed: 10 });
  test.each<[string, () => ProbeOptions]>([
    [
      'Dimension 2 of state 5 is NaN',
      () => {
        const states = data.states.slice();
        states[17] = Number.NaN;
        return optionsFor({ ...data, states });
      },
    ],
    [
      'Target TOXICITY is Infinity in row 1',
      () => {
        const values = data.values.slice();
        values[1] = Number.POSITIVE_INFINITY;
        return optionsFor({ ...data, values });
      },
    ],
    ['Target TOXICITY has 3 values for 24 states', () => optionsFor({ ...data, values: new Float64Array(3) })],
    [
      'Group prompt-0 has rows in folds 0 and 1',
      () => optionsFor(data, { folds: Int32Array.from({ length: 24 }, (_, row) => row % 4) }),
    ],
    ['A penalty is -1', () => optionsFor(data, { penalties: [-1] })],
    ['There are no penalties', () => optionsFor(data, { penalties: [] })],
    ['needs at least 3 folds, not 2', () => optionsFor(data, { folds: groupedFolds(data.groups, 2, 0) })],
    ['do not divide into states of 5 dimensions', () => optionsFor({ ...data, d: 5 })],
  ])('%s', async (message, options) => {
    await expect(trainProbes(options())).rejects.toThrow(message);
  });
  test('a singular regression', async () => {
    const states = Float32Array.from({ length: 48 }, (_, i) => data.states[Math.floor(i / 2)]!);
    const options = optionsFor({ ...data, states, d: 2 }, { penalties: [0] });
    await expect(trainProbes(options)).rejects.toThrow('singular at penalty 0; give a larger penalty');
  });
  test('one penalty and two folds suffice for each other', async () => {
    const got = await one(optionsFor(data, { folds: groupedFolds(data.groups, 2, 0), penalties: [0] }));
    expect(got.folds.map((fold) => fold.penalty)).toEqual([0, 0]);
  });
});
