import type { Prompt } from '@sonde/engine';
import type { InputArtifact } from '@sonde/executor';
import { PROMPTS, readRenderedPrompts, readRowParts } from '@sonde/formats';
import type { RowRange } from './division.ts';
import { modelInputs } from './engine.ts';
import type { ModelConfig } from './schemas.ts';

/** The shard's part of the prompts (all of them where the task is whole), as the engine takes them. */
export async function modelPrompts(source: InputArtifact, range?: RowRange): Promise<Prompt[]> {
  const prompts = await readRenderedPrompts(source.path, {
    ...(source.ref !== undefined && { what: source.ref }),
    ...(range && { rows: [range.start, range.end] }),
  });
  return prompts.map(({ prompt_id, rendered, span_start, span_end, add_special_tokens }) => ({
    id: prompt_id,
    rendered,
    spanStart: span_start,
    spanEnd: span_end,
    ...(typeof add_special_tokens === 'boolean' && { addSpecialTokens: add_special_tokens }),
  }));
}

/** The ids of all prompts of a table, whichever of them a shard has. */
export async function promptIds(source: InputArtifact): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const rows of readRowParts(source.path, PROMPTS, { columns: ['prompt_id'] }))
    for (const { prompt_id } of rows) ids.add(prompt_id);
  return ids;
}

/** What an artifact of states says of the model it came from. */
export function modelFacts(model: ModelConfig, architecture: string): Record<string, string> {
  const { checkpoint, adapter, dtype, quantization, compute, layerwiseCasting, randomWeights } = modelInputs(model);
  return {
    architecture,
    model: checkpoint.digest,
    ...(adapter && { adapter: adapter.digest }),
    // `dtype` is the type of the states themselves.
    ...(dtype && { model_dtype: dtype }),
    ...(quantization && { model_quantization: quantization }),
    ...(randomWeights && { model_weights: `random, seed ${randomWeights.seed}` }),
    ...(compute && { model_compute: compute }),
    ...(layerwiseCasting && { model_layerwise_casting: 'true' }),
  };
}
