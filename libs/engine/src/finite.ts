import { UserError } from '@sonde/base';
import { findNonFinite, readWeight } from '@sonde/checkpoints';
import type { Engine } from './engine.ts';
import type { Plan } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { readWhole, spanWeights } from './whole.ts';

/** The first weight, by file order, that holds a number that is not finite, as it is stored or as it runs. */
async function nonFiniteWeight(model: Model): Promise<string | null> {
  const { checkpoint, adapter, precision } = internalsOf(model);
  const low = [...(adapter?.modules ?? [])].flatMap(([name, { a, b }]) => [
    [`${name}.lora_A.weight`, a, null] as const,
    [`${name}.lora_B.weight`, b, null] as const,
  ]);
  const own = [...checkpoint.weights].map(([name, weight]) => [name, weight, precision.dtype] as const);
  for (const [name, weight, dtype] of [...own, ...low]) {
    const found = findNonFinite(await readWeight(weight), dtype);
    if (found) return `weight "${name}" in ${weight.file.path} holds ${found.what} (element ${found.at})`;
  }
  return null;
}

/** The first layer at which a prompt's states are not finite. */
async function nonFiniteLayer(
  engine: Engine,
  plan: Plan,
  prompt: { readonly id: string; readonly ids: readonly number[] },
): Promise<number | null> {
  const whole = readWhole(engine.sizes, [prompt], plan);
  const { pooled } = await engine.run({
    ...whole,
    pool: spanWeights([[[0, whole.tokens]]], whole.tokens),
    last: true,
  });
  const at = pooled.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? null : engine.layout.values.find(({ offset, size }) => at < offset + size)!.layer;
}

/** Finds where a state that is not finite comes from. */
export async function explainNonFinite(
  model: Model,
  engine: Engine,
  plan: Plan,
  prompts: readonly { readonly id: string; readonly ids: readonly number[] }[],
  cause: Error,
): Promise<UserError> {
  const weight = await nonFiniteWeight(model);
  if (weight) return new UserError('model', `The model of ${model.folder} cannot be used: ${weight}.`);
  const under = Object.keys(plan.stages).length > 0 ? ' under its interventions' : '';
  for (const prompt of prompts) {
    const layer = await nonFiniteLayer(engine, plan, prompt);
    if (layer !== null) {
      return new UserError(
        'model',
        `The model of ${model.folder} overflows${under}: the states of layer ${layer} are not finite for prompt "${prompt.id}".`,
      );
    }
  }
  return new UserError('model', `The model of ${model.folder} overflows${under} on generated text: ${cause.message}`);
}
