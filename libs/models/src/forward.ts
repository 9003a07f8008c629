import { padTokens, spanWeights } from './decoding/prefill.ts';
import { causalMask } from './masks.ts';
import { internalsOf, type Model } from './model.ts';
import { gatesOf } from './options.ts';
import { checkLength } from './prompts.ts';
import type { Intervention } from './types.ts';

/** Everything that one pass over a sequence of T tokens gives. */
export interface Forward {
  /** [L + 1, T, d]: layers as transformers returns them, the last with the final norm applied. */
  readonly hiddenStates: Float32Array;
  /** [T, d]: the last block's output before the final norm. */
  readonly lastResidual: Float32Array;
  /** [T, vocabulary] */
  readonly logits: Float32Array;
}

/** One pass over tokens with all states and logits; for checks and small studies, not for volume. */
export async function forward(
  model: Model,
  ids: readonly number[],
  options: { readonly interventions?: readonly Intervention[] } = {},
): Promise<Forward> {
  checkLength(model, 'tokens', ids.length, 0);
  const { layers, hiddenSize: d } = model.config;
  const engine = await internalsOf(model).engine(false);
  const { tokens, inputIds, positions } = padTokens([ids]);
  const { pooled, logits } = await engine.run({
    prompts: 1,
    samples: 1,
    tokens,
    inputIds,
    positions,
    mask: causalMask(engine.sizes, tokens),
    gates: gatesOf(options.interventions ?? [], layers),
    pool: spanWeights([ids.map((_, t) => [t, t + 1] as const)], tokens),
    head: {
      rows: Int32Array.from(ids, (_, t) => t),
      sample: false,
      temperature: 1,
      topK: 0,
      topP: 1,
      penalty: 1,
    },
    logits: true,
  });
  const hiddenStates = new Float32Array((layers + 1) * tokens * d);
  const lastResidual = new Float32Array(tokens * d);
  for (let t = 0; t < tokens; t++) {
    const state = (entry: number): Float32Array =>
      pooled.subarray(t * engine.pooledSize + entry * d, t * engine.pooledSize + (entry + 1) * d);
    for (let layer = 0; layer < layers; layer++) hiddenStates.set(state(layer), (layer * tokens + t) * d);
    hiddenStates.set(state(layers + 1), (layers * tokens + t) * d);
    lastResidual.set(state(layers), t * d);
  }
  return { hiddenStates, lastResidual, logits: logits! };
}
