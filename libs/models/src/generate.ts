import { decode } from './decoding/decode.ts';
import { prefill } from './decoding/prefill.ts';
import type { Sequence } from './decoding/sequence.ts';

import { ModelError } from './errors.ts';
import { explainNonFinite } from './finite.ts';
import { internalsOf, type Model } from './model.ts';
import { checkCapture, checkDecoding, gatesOf } from './options.ts';
import { streamKey } from './philox.ts';
import { checkLength, requireSpan, type TokenizedPrompt, tokenizePrompt } from './prompts.ts';
import { collectStates, NonFiniteStates, type StateCollector } from './states.ts';
import type { Continuation, Generation, GenerationOptions, Prompt, RunHooks } from './types.ts';

/** Most sequences decoded together; a constant, so that results do not depend on the machine. */
const ROWS = 400;

function tokenizeAll(model: Model, prompts: readonly Prompt[], maxNewTokens: number): TokenizedPrompt[] {
  const ids = new Set<string>();
  return prompts.map((prompt) => {
    if (ids.has(prompt.id)) {
      throw new ModelError(`Two prompts have the id "${prompt.id}"; ids name the random streams and must differ.`);
    }
    ids.add(prompt.id);
    const tokenized = tokenizePrompt(model, prompt);
    checkLength(model, prompt.id, tokenized.ids.length, maxNewTokens);
    return tokenized;
  });
}

/** Prompts [from, to) and samples [first, first + count) that are decoded together. */
function* batches(
  prompts: number,
  samples: number,
): Generator<{ from: number; to: number; first: number; count: number }> {
  const together = Math.max(1, Math.floor(ROWS / samples));
  for (let from = 0; from < prompts; from += together) {
    for (let first = 0; first < samples; first += ROWS) {
      yield { from, to: Math.min(prompts, from + together), first, count: Math.min(ROWS, samples - first) };
    }
  }
}

function newSequence(prompt: TokenizedPrompt, sample: number, row: number, seed: number): Sequence {
  const key = streamKey(seed, prompt.id);
  return { prompt, sample, row, key, tokens: [], logprob: 0, finish: null, fed: 0 };
}

function finished(model: Model, sequence: Sequence): Continuation {
  const { tokens, prompt, sample, logprob } = sequence;
  const finish = sequence.finish!;
  const text = model.tokenizer.decode(finish === 'eos' ? tokens.slice(0, -1) : tokens);
  return { promptId: prompt.id, sample, text, tokenIds: tokens, finish, logprob };
}

/**
 * Continues prompts by drawing tokens, with pooled hidden states from the same pass if asked for.
 *
 * A token is drawn from the nucleus: the smallest set of most probable tokens with mass ≥ top_p, after repetition
 * penalty, temperature and top_k in transformers' order. Each sequence draws from its own stream, named by seed, prompt
 * id and sample index, so a continuation does not depend on what else is drawn (up to rounding: which prompts are in
 * one call may change last bits).
 * @throws ModelError for an option or prompt that cannot be used, or a state that is not finite; the signal's reason
 */
export async function generate(
  model: Model,
  prompts: readonly Prompt[],
  options: GenerationOptions,
  { onProgress, signal }: RunHooks = {},
): Promise<Generation> {
  const decoding = checkDecoding(options);
  const { layers } = model.config;
  const gates = gatesOf(options.interventions ?? [], layers);
  const capture = options.capture ? checkCapture(options.capture, layers) : null;
  const tokenized = tokenizeAll(model, prompts, decoding.maxNewTokens);
  const wantsPrompts = capture?.pools.includes('prompt') ?? false;
  if (wantsPrompts) for (const prompt of tokenized) requireSpan(prompt);
  const rows = prompts.length * decoding.samples;
  const states = capture
    ? collectStates(internalsOf(model).decoder.sizes, capture, {
        prompt: prompts.length,
        continuation: rows,
        last: rows,
        max: rows,
      })
    : null;
  const pools = capture?.pools.filter((pool) => pool !== 'prompt') ?? [];
  const engine = await internalsOf(model).engine(pools.includes('max'));
  const setting = { gates, eos: model.config.eosTokenIds, pools };

  const continuations: Continuation[] = [];
  for (const { from, to, first, count } of batches(prompts.length, decoding.samples)) {
    const group = tokenized.slice(from, to);
    const sequences = group.map((prompt, i) =>
      Array.from({ length: count }, (_, k) =>
        newSequence(prompt, first + k, (from + i) * decoding.samples + first + k, decoding.seed),
      ),
    );
    const report = (): void => {
      signal?.throwIfAborted();
      const ended = sequences.flat().filter((sequence) => sequence.finish !== null).length;
      onProgress?.({ done: continuations.length + ended, total: rows });
    };
    report();
    try {
      const cache = await prefill(
        engine,
        group,
        sequences,
        decoding,
        setting,
        promptStates(states, wantsPrompts && first === 0, from, group),
      );
      await decode(engine, sequences, cache, decoding, {
        ...setting,
        onStates: (sequence, pool, pooled, offset) =>
          states?.write(pool, sequence.row, pooled, offset, pool === 'continuation' ? sequence.tokens.length : 1),
        onStep: report,
      });
    } catch (error) {
      if (error instanceof NonFiniteStates) throw await explainNonFinite(model, engine, gates, group, error);
      throw error;
    }
    report();
    continuations.push(...sequences.flat().map((sequence) => finished(model, sequence)));
  }
  return states ? { continuations, states: states.finish() } : { continuations };
}

function promptStates(states: StateCollector | null, wanted: boolean, from: number, group: readonly TokenizedPrompt[]) {
  if (!states || !wanted) return null;
  return (prompt: TokenizedPrompt, pooled: Float32Array, offset: number): void => {
    const [start, end] = requireSpan(prompt);
    states.write('prompt', from + group.indexOf(prompt), pooled, offset, end - start);
  };
}
