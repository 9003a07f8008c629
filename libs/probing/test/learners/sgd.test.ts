import { describe, expect, test } from 'vitest';
import { trainProbes } from '../../src/index.ts';
import { ADAM, adamState, adamStep, type Floats, linearSchedule } from '../../src/learners/sgd/adam.ts';
import { batchGradient } from '../../src/learners/sgd/batch.ts';
import { EarlyStopping } from '../../src/learners/sgd/early-stopping.ts';
import { cases } from '../cases.ts';
import { readNpy } from '../npy.ts';
import { noise, one, optionsFor, synthetic } from '../synthetic.ts';

const { adam } = cases;

test.each(adam.runs)('$case follows PyTorch step by step', (run) => {
  const Numbers = run.dtype === 'float32' ? Float32Array : Float64Array;
  const floats = (values: ArrayLike<number>): Floats => Numbers.from(values);
  const d = adam.init_weight.length;
  const [states, targets] = [readNpy('adam_states.npy').data, readNpy('adam_targets.npy').data];
  const [order, keep] = [readNpy('adam_order.npy').data, readNpy('adam_keep.npy').data];
  const want = readNpy(run.weights_file).data;
  const state = adamState(floats([...adam.init_weight, adam.init_bias]));
  const gradient = floats(new Float64Array(d + 1));
  const options = { ...ADAM, weightDecay: run.weight_decay, decoupled: run.optimizer === 'AdamW' };
  const tolerance = run.dtype === 'float32' ? 1e-5 : 1e-12;
  for (let s = 0; s < adam.total_steps; s++) {
    const rows = [...order.subarray(s * adam.batch, (s + 1) * adam.batch)];
    const x = rows.flatMap((row, r) =>
      Array.from(
        { length: d },
        (_, j) => (states[row * d + j]! * keep[(s * adam.batch + r) * d + j]!) / (1 - adam.dropout),
      ),
    );
    const y = floats(rows.map((row) => targets[row]!));
    batchGradient({ d, targets: 1 }, state.parameters, floats(x), y, rows.length, [0], gradient);
    const rate = linearSchedule(s, adam.warmup_steps, adam.total_steps, adam.lr);
    expect(rate).toBeCloseTo(run.lr_used[s]!, 15);
    adamStep(state, gradient, [0, d + 1], s + 1, rate, options);
    for (let j = 0; j < d; j++) expect(Math.abs(state.parameters[j]! - want[s * d + j]!)).toBeLessThan(tolerance);
    expect(Math.abs(state.parameters[d]! - run.bias[s]!)).toBeLessThan(tolerance);
  }
});

test('training stops after ten epochs without a smaller validation loss', () => {
  const { validation_losses, patience, best_epoch, stopped_after_epoch } = cases.early_stopping;
  const stopping = new EarlyStopping(patience);
  let best = -1;
  for (const [epoch, loss] of validation_losses.entries()) {
    const taken = stopping.take(loss);
    if (taken.best) best = epoch;
    if (!taken.stop) continue;
    expect([best, epoch]).toEqual([best_epoch, stopped_after_epoch]);
    return;
  }
  expect.unreachable('the training did not stop');
});

describe('the published procedure', () => {
  const data = synthetic({ prompts: 150, rows: 4, d: 16, seed: 21 });
  const more = { learner: { name: 'sgd', seed: 3 } } as const;
  test('reads a planted target and not noise, given steps enough', async () => {
    const random = noise(5, 'unrelated');
    const targets = [
      { scenario: 'output', name: 'planted', values: data.values },
      { scenario: 'output', name: 'noise', values: Float64Array.from({ length: data.n }, random) },
    ];
    const [planted, unrelated] = await trainProbes(
      optionsFor(data, { learner: { ...more.learner, recipe: { learningRate: 1e-2 } }, targets }),
    );
    expect(planted!.foldMean.value!).toBeGreaterThan(0.8);
    expect(Math.abs(unrelated!.foldMean.value!)).toBeLessThan(0.25);
    expect(planted!.folds[0]!.penalty).toBeNull();
  });
  test('gives a target together with others what it gets alone, and the same bytes again', async () => {
    const targets = [
      { scenario: 'output', name: 'a', values: data.values },
      { scenario: 'output', name: 'b', values: data.values.map((value) => value ** 2) },
    ];
    const together = await trainProbes(optionsFor(data, { ...more, targets }));
    const alone = await one(optionsFor(data, { ...more, targets: targets.slice(1) }));
    expect(together[1]).toEqual(alone);
    const other = await one(optionsFor(data, { learner: { name: 'sgd', seed: 4 }, targets: targets.slice(1) }));
    expect(other.folds).not.toEqual(alone.folds);
  });
  test('refuses an option out of range', async () => {
    const learner = { name: 'sgd', recipe: { dropout: 1 } } as const;
    await expect(trainProbes(optionsFor(data, { learner }))).rejects.toThrow('dropout is 1');
  });
});
