import { plainHead } from '@sonde/networks';
import { runsOf } from './decoding/batches.ts';
import { explainNonFinite } from './finite.ts';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { featuresOf } from './options.ts';
import { checkLength, tokenizePrompt } from './prompts.ts';
import { NonFiniteStates } from './states.ts';
import type { Perplexity, PerplexityOptions, Prompt, RunHooks } from './types.ts';
import { readWhole } from './whole.ts';

/** Most logits (tokens × vocabulary) in one run. */
const LOGITS_PER_RUN = 2 ** 24;
const TOKENS_PER_RUN = 4096;

/**
 * How well a model predicts texts: each token after the first, given those before it. Special tokens that the
 * tokenizer puts in front are read and not predicted.
 * @throws UserError for a text longer than the model's context
 */
export async function perplexity(
  model: Model,
  texts: readonly (string | Prompt)[],
  options: PerplexityOptions = {},
  { onProgress, signal }: RunHooks = {},
): Promise<Perplexity> {
  const { vocabSize } = model.config;
  const { engine: open, decoder } = internalsOf(model);
  const plan = planInterventions(options.interventions ?? [], decoder);
  const engine = await open(featuresOf(null, plan));
  const rows = texts.map((text, i) => {
    const prompt = typeof text === 'string' ? { id: `text ${i}`, rendered: text, spanStart: 0, spanEnd: 0 } : text;
    const { id, ids } = tokenizePrompt(model, prompt);
    checkLength(model, id, ids.length, 0);
    return { id, ids, bytes: predictedBytes(model, prompt.rendered, ids) };
  });
  const limit = Math.min(TOKENS_PER_RUN, Math.floor(LOGITS_PER_RUN / vocabSize));
  const results: { nll: number | null; tokens: number; bytes: number }[] = [];
  let [sum, count] = [0, 0];
  for (const [start, end] of runsOf(
    rows.map(({ ids }) => ids.length),
    limit,
  )) {
    signal?.throwIfAborted();
    onProgress?.({ done: start, total: rows.length });
    const group = rows.slice(start, end);
    const whole = readWhole(engine.sizes, group, plan);
    const at = group.flatMap(({ ids }, i) => ids.slice(1).map((_, t) => i * whole.tokens + t));
    const next = group.flatMap(({ ids }) => ids.slice(1));
    const { logprobs } = await engine.run({
      ...whole,
      last: true,
      head: plainHead(Int32Array.from(at), Int32Array.from(next)),
    });
    let read = 0;
    for (const { ids, bytes } of group) {
      const predicted = ids.length - 1;
      let nll = 0;
      for (let t = 0; t < predicted; t++) nll -= logprobs[read++]!;
      if (!Number.isFinite(nll)) {
        const cause = new NonFiniteStates('A log-probability is not finite.');
        throw await explainNonFinite(model, engine, plan, group, cause);
      }
      results.push({ nll: predicted > 0 ? nll / predicted : null, tokens: predicted, bytes });
      sum += nll;
      count += predicted;
    }
  }
  onProgress?.({ done: rows.length, total: rows.length });
  const mean = count > 0 ? sum / count : null;
  return { perplexity: mean === null ? null : Math.exp(mean), nll: mean, tokens: count, texts: results };
}

/** Bytes of a text without those of its first token, which nothing predicts: one of the text's own, or one before it. */
function predictedBytes({ tokenizer }: Model, text: string, ids: readonly number[]): number {
  const { bosToken } = tokenizer;
  if (bosToken !== null && bosToken !== '' && text.startsWith(bosToken)) {
    return Buffer.byteLength(text) - Buffer.byteLength(bosToken);
  }
  const first = tokenizer.decode(ids.slice(0, 1)).trimStart();
  const own = text.trimStart().startsWith(first) ? first : '';
  return Buffer.byteLength(text) - Buffer.byteLength(own);
}
