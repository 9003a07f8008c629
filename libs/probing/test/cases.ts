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

export interface CodeCase {
  target: number;
  y: 'raw' | 'times_10';
  loss: 'gaussian_unit_variance_nats' | 'smooth_l1' | 'squared_error';
  alpha?: number;
  predictor?: 'mean_only';
  boundaries: number[];
  null_code: number;
  online_code: number;
  online_per_block?: number[];
  compression: number;
}

export interface AdamCases {
  init_weight: number[];
  init_bias: number;
  dropout: number;
  lr: number;
  warmup_steps: number;
  total_steps: number;
  batch: number;
  runs: {
    case: string;
    optimizer: 'Adam' | 'AdamW';
    weight_decay: number;
    dtype: 'float32' | 'float64';
    lr_used: number[];
    bias: number[];
    weights_file: string;
  }[];
}

/** Results of scikit-learn, SciPy and PyTorch (versions in the file) on synthetic data. */
export const cases = JSON.parse(readFileSync(new URL('fixtures/cases.json', import.meta.url), 'utf8')) as {
  ridge: RidgeCase[];
  nested_cv: NestedCase[];
  loo: { alpha: number; mse: number[]; residual_rows_0_4: number[][] }[];
  mdl_online: CodeCase[];
  adam: AdamCases;
  early_stopping: { validation_losses: number[]; patience: number; best_epoch: number; stopped_after_epoch: number };
};

export function fixtureStates(name: 'tall' | 'wide'): States {
  const { shape, data } = readNpy(name === 'tall' ? 'states.npy' : 'wide_states.npy');
  return { values: Float32Array.from(data), d: shape[1]! };
}

/** [n, 6] */
export function fixtureTargets(name: 'tall' | 'wide'): Float64Array {
  return readNpy(name === 'tall' ? 'targets.npy' : 'wide_targets.npy').data;
}
