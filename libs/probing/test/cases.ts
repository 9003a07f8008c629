import { readFileSync } from 'node:fs';
import type { States } from '../src/rows.ts';
import { readNpy } from './npy.ts';

export interface RidgeCase {
  case: string;
  data: 'tall' | 'wide';
  train_rows: [number, number];
  scaled: boolean;
  alpha: number;
  intercept: number[];
  coef_file: string;
  pred_file: string;
}

export interface NestedCase {
  case: string;
  scaled: boolean;
  alpha_per_target: boolean;
  alphas: number[];
  folds: { inner_mse: number[][]; chosen_alpha: number[]; pearson: number[]; mse: number[] }[];
  oof_file: string;
}

/** Results of scikit-learn and SciPy (versions in the file) on synthetic data. */
export const cases = JSON.parse(readFileSync(new URL('fixtures/cases.json', import.meta.url), 'utf8')) as {
  ridge: RidgeCase[];
  nested_cv: NestedCase[];
};

export function fixtureStates(name: 'tall' | 'wide'): States {
  const { shape, data } = readNpy(name === 'tall' ? 'states.npy' : 'wide_states.npy');
  return { values: Float32Array.from(data), d: shape[1]! };
}

/** [n, 6] */
export function fixtureTargets(name: 'tall' | 'wide'): Float64Array {
  return readNpy(name === 'tall' ? 'targets.npy' : 'wide_targets.npy').data;
}
