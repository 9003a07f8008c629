import { type RandomStream, randomPermutation, randomStream } from '@sonde/numerics';
import { rawRows, type States } from '../../rows.ts';
import { ADAM, adamState, adamStep, linearSchedule } from './adam.ts';
import { batchGradient, dot, smoothL1 } from './batch.ts';
import { EarlyStopping } from './early-stopping.ts';

export interface Recipe {
  readonly dropout: number;
  readonly learningRate: number;
  /** Share of all steps over which the learning rate rises. */
  readonly warmup: number;
  readonly batch: number;
  readonly epochs: number;
  readonly patience: number;
  /** Share of the training rows held for validation. */
  readonly validation: number;
}

export const PUBLISHED: Recipe = {
  dropout: 0.2,
  learningRate: 1e-3,
  warmup: 0.1,
  batch: 16,
  epochs: 20,
  patience: 10,
  validation: 0.2,
};

export interface Training {
  readonly states: States;
  /** Scaled targets [places, columns]; `placeOf` gives the place of a row. */
  readonly targets: { readonly values: Float32Array; readonly columns: number; readonly placeOf: Int32Array };
  readonly trainingRows: Int32Array;
  readonly validationRows: Int32Array;
  readonly seed: number;
  /** Names the random streams. */
  readonly name: string;
  readonly recipe: Recipe;
}

/**
 * Trains a linear probe for each target in float32. Targets share initial weights, the order of rows and the dropout
 * of their inputs, as separate trainings from one seed would, so that a batch is read and thinned once for all; each
 * stops, and keeps its best epoch, by its own validation loss.
 *
 * @returns weights [targets, d] and biases [targets]
 */
export function train(training: Training): { weights: Float32Array; biases: Float32Array } {
  const { recipe, seed, name, trainingRows } = training;
  const { d } = training.states;
  const targets = training.targets.columns;
  const shape = { d, targets };
  const state = adamState(initial(randomStream(seed, `${name}/weights`), d, targets));
  const { parameters } = state;
  const best = parameters.slice();
  const stopping = Array.from({ length: targets }, () => new EarlyStopping(recipe.patience));
  let active = Array.from({ length: targets }, (_, t) => t);
  const order = randomStream(seed, `${name}/order`);
  const thin = dropout(randomStream(seed, `${name}/dropout`), recipe.dropout);
  const steps = Math.ceil(trainingRows.length / recipe.batch);
  const total = steps * recipe.epochs;
  const warmup = Math.floor(recipe.warmup * total);
  const x = new Float32Array(recipe.batch * d);
  const y = new Float32Array(recipe.batch * targets);
  const gradient = new Float32Array(parameters.length);
  for (let epoch = 0, step = 0; epoch < recipe.epochs && active.length > 0; epoch++) {
    const shuffled = randomPermutation(order, trainingRows.length);
    for (let start = 0; start < shuffled.length; start += recipe.batch, step++) {
      const count = Math.min(recipe.batch, shuffled.length - start);
      for (let r = 0; r < count; r++) {
        const row = trainingRows[shuffled[start + r]!]!;
        const { values, at } = rawRows(training.states, Int32Array.of(row));
        x.set(values.subarray(at(0), at(0) + d), r * d);
        const place = training.targets.placeOf[row]! * targets;
        y.set(training.targets.values.subarray(place, place + targets), r * targets);
      }
      thin(x, count * d);
      batchGradient(shape, parameters, x, y, count, active, gradient);
      const rate = linearSchedule(step, warmup, total, recipe.learningRate);
      for (const t of active) {
        adamStep(state, gradient, [t * d, (t + 1) * d], step + 1, rate, ADAM);
        adamStep(state, gradient, [targets * d + t, targets * d + t + 1], step + 1, rate, ADAM);
      }
    }
    active = active.filter((t) => {
      const { best: improved, stop } = stopping[t]!.take(validationLoss(training, parameters, t));
      if (improved) {
        best.set(parameters.subarray(t * d, (t + 1) * d), t * d);
        best[targets * d + t] = parameters[targets * d + t]!;
      }
      return !stop;
    });
  }
  return { weights: best.slice(0, targets * d), biases: best.slice(targets * d) };
}

/** Uniform in ±1/√d for weights and bias, the same for every target: PyTorch's initial linear layer. */
function initial(stream: RandomStream, d: number, targets: number): Float32Array {
  const one = Float32Array.from({ length: d + 1 }, () => ((stream.word() + 0.5) / 0x80000000 - 1) / Math.sqrt(d));
  const parameters = new Float32Array(targets * (d + 1));
  for (let t = 0; t < targets; t++) parameters.set(one.subarray(0, d), t * d);
  return parameters.fill(one[d]!, targets * d);
}

/** Sets a share of the numbers to 0, to 16 bits, and scales the rest by 1 / (1 − share). */
function dropout(stream: RandomStream, share: number): (x: Float32Array, length: number) => void {
  if (share === 0) return () => {};
  const dropped = Math.round(share * 0x10000);
  const scale = 1 / (1 - share);
  return (x, length) => {
    for (let i = 0; i < length; i += 2) {
      const word = stream.word();
      x[i] = (word & 0xffff) < dropped ? 0 : x[i]! * scale;
      if (i + 1 < length) x[i + 1] = word >>> 16 < dropped ? 0 : x[i + 1]! * scale;
    }
  };
}

function validationLoss({ states, targets, validationRows }: Training, parameters: Float32Array, t: number): number {
  const { d } = states;
  let sum = 0;
  for (const row of validationRows) {
    const { values, at } = rawRows(states, Int32Array.of(row));
    const predicted = parameters[targets.columns * d + t]! + dot(parameters, t * d, values, at(0), d);
    sum += smoothL1(predicted - targets.values[targets.placeOf[row]! * targets.columns + t]!);
  }
  return sum / validationRows.length;
}
