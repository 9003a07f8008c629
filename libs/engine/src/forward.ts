import { type CaptureSite, plainHead } from '@sonde/networks';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { featuresOf } from './options.ts';
import { checkLength } from './prompts.ts';
import type { Intervention } from './types.ts';
import { eachToken, readWhole, spanWeights } from './whole.ts';

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
  const { engine: open, decoder } = internalsOf(model);
  const plan = planInterventions(options.interventions ?? [], decoder);
  const engine = await open(featuresOf(null, plan));
  const whole = readWhole(engine.sizes, [{ id: 'tokens', ids }], plan);
  const { tokens } = whole;
  const { pooled, logits } = await engine.run({
    ...whole,
    last: true,
    pool: spanWeights([eachToken(tokens, tokens)], tokens),
    head: plainHead(Int32Array.from(ids, (_, t) => t)),
    logits: true,
  });
  const hiddenStates = new Float32Array((layers + 1) * tokens * d);
  const lastResidual = new Float32Array(tokens * d);
  for (let t = 0; t < tokens; t++) {
    const state = (site: CaptureSite, layer: number): Float32Array => {
      const { offset, size } = engine.layout.find(site, layer);
      return pooled.subarray(t * engine.layout.size + offset, t * engine.layout.size + offset + size);
    };
    for (let layer = 0; layer <= layers; layer++) {
      hiddenStates.set(state('residual', layer), (layer * tokens + t) * d);
    }
    lastResidual.set(state('residual_raw', layers), t * d);
  }
  return { hiddenStates, lastResidual, logits: logits! };
}
