import { UserError } from '@sonde/base';
import { streamKey } from '@sonde/numerics';
import { batchesOf, byLength, costOf } from './decoding/batches.ts';
import { continuePrompts } from './decoding/continue.ts';
import type { DecodeSetting } from './decoding/decode.ts';
import { createRowMemory } from './decoding/row-cache.ts';
import type { Sequence } from './decoding/sequence.ts';
import { explainNonFinite } from './finite.ts';
import { following, generationSettings, notFollowed } from './generation-config.ts';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { checkCapture, checkDecoding, featuresOf } from './options.ts';
import { checkLength, promptToken, requireSpan, type TokenizedPrompt, tokenizePrompt } from './prompts.ts';
import { collectStates, NonFiniteStates } from './states.ts';
import type { Continuation, Generation, GenerationOptions, Prompt, RunHooks } from './types.ts';

function tokenizeAll(model: Model, prompts: readonly Prompt[], maxNewTokens: number): TokenizedPrompt[] {
  const ids = new Set<string>();
  return prompts.map((prompt) => {
    if (ids.has(prompt.id)) {
      throw new UserError(
        'model',
        `Two prompts have the id "${prompt.id}"; ids name the random streams and must differ.`,
      );
    }
    ids.add(prompt.id);
    const tokenized = tokenizePrompt(model, prompt);
    checkLength(model, prompt.id, tokenized.ids.length, maxNewTokens);
    return tokenized;
  });
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
 * What a checkpoint's generation_config.json asks for that a run with these options does otherwise, setting by setting;
 * none where it asks for nothing more. @throws UserError if a setting cannot be read
 */
export function unfollowed(model: Model, options: GenerationOptions): string[] {
  return notFollowed(options, generationSettings(internalsOf(model).checkpoint), model.config.vocabSize);
}

/**
 * Continues prompts by drawing tokens, with pooled hidden states from the same pass if asked for.
 *
 * A token is drawn from the nucleus: the smallest set of most probable tokens with mass ≥ top_p, after repetition
 * penalty, what cannot come, temperature and top_k in transformers' order. Each sequence draws from its own stream, named by seed, prompt
 * id and sample index, so a continuation does not depend on what else is drawn (up to rounding: which prompts are in
 * one call may change last bits).
 * @throws UserError for an option or prompt that cannot be used, or a state that is not finite; the signal's reason
 */
export async function generate(
  model: Model,
  prompts: readonly Prompt[],
  options: GenerationOptions,
  { onProgress, onToken, signal }: RunHooks = {},
): Promise<Generation> {
  const { engine: open, decoder, checkpoint } = internalsOf(model);
  const { vocabSize } = model.config;
  const followed = options.follow_generation_config
    ? following(options, generationSettings(checkpoint), vocabSize)
    : options;
  const decoding = checkDecoding(followed, model.config);
  const plan = planInterventions(options.interventions ?? [], decoder);
  const capture = options.capture ? checkCapture(options.capture, decoder.sizes, onToken) : null;
  const tokenized = tokenizeAll(model, prompts, decoding.maxNewTokens);
  const wanted: ('prompt' | 'tokens')[] = [];
  if (capture?.pools.includes('prompt')) wanted.push('prompt');
  if (capture?.tokens) wanted.push('tokens');
  if (wanted.includes('prompt')) for (const prompt of tokenized) requireSpan(prompt);
  const rows = prompts.length * decoding.samples;
  const engine = await open(featuresOf(capture, plan));
  const states = capture
    ? collectStates(decoder.sizes, engine.layout, capture, {
        prompt: decoding.firstSample === 0 ? prompts.length : 0,
        continuation: rows,
        last: rows,
        max: rows,
      })
    : null;
  const pools = capture?.pools.filter((pool) => pool !== 'prompt') ?? [];
  const setting = {
    plan,
    eos: model.config.eosTokenIds,
    pools: capture?.tokens ? ([...pools, 'tokens'] as const) : pools,
    memory: createRowMemory(),
  };

  const order = byLength(tokenized.map(({ ids }) => ids.length));
  const lengths = order.map((place) => tokenized[place]!.ids.length);
  const cost = costOf(engine, decoding.maxNewTokens, setting.pools.length);
  const continuations = new Array<Continuation>(rows);
  let done = 0;
  for (const { from, to, first, count } of batchesOf(lengths, decoding.samples, cost)) {
    const places = order.slice(from, to);
    const group = places.map((place) => tokenized[place]!);
    const sequences = group.map((prompt, i) =>
      Array.from({ length: count }, (_, k) =>
        newSequence(prompt, decoding.firstSample + first + k, places[i]! * decoding.samples + first + k, decoding.seed),
      ),
    );
    const report = (): void => {
      signal?.throwIfAborted();
      const ended = sequences.flat().filter((sequence) => sequence.finish !== null).length;
      onProgress?.({ done: done + ended, total: rows });
    };
    report();
    try {
      const decodeSetting: DecodeSetting = {
        ...setting,
        onStates(sequence, pool, pooled, offset) {
          if (pool === 'tokens') {
            const position = sequence.prompt.ids.length + sequence.fed - 1;
            const place = { promptId: sequence.prompt.id, sample: sequence.sample, position };
            onToken!({ ...place, span: 'continuation', states: states!.ofToken(pooled, offset) });
          } else
            states!.write(pool, sequence.row, pooled, offset, pool === 'continuation' ? sequence.tokens.length : 1);
        },
        onStep: report,
      };
      await continuePrompts(engine, group, sequences, decoding, decodeSetting, {
        pools: decoding.firstSample + first === 0 ? wanted : [],
        onStates(prompt, pool, pooled, offset, position) {
          if (pool === 'prompt') {
            const [start, end] = requireSpan(prompt);
            states!.write('prompt', places[group.indexOf(prompt)]!, pooled, offset, end - start);
          } else onToken!(promptToken(prompt, position, states!.ofToken(pooled, offset)));
        },
      });
    } catch (error) {
      if (error instanceof NonFiniteStates) throw await explainNonFinite(model, engine, plan, group, error);
      throw error;
    }
    report();
    for (const sequence of sequences.flat()) continuations[sequence.row] = finished(model, sequence);
    done += group.length * count;
  }
  return states ? { continuations, states: states.finish() } : { continuations };
}
