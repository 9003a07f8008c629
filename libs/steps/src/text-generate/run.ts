import {
  type Continuation,
  type GenerationOptions,
  generate,
  type Model,
  type RunHooks,
  unfollowed,
} from '@sonde/engine';
import type { CombineContext, RunContext } from '@sonde/executor';
import { CONTINUATIONS, concatStates, writeRows } from '@sonde/formats';
import { concatTableFiles } from '@sonde/tables';
import { withCapture } from '../shared/model/captured.ts';
import type { RowRange } from '../shared/model/division.ts';
import { interventionsOf } from '../shared/model/interventions.ts';
import { loadedModel } from '../shared/model/loaded-model.ts';
import { modelPrompts } from '../shared/model/model-prompts.ts';
import type { Config } from './config.ts';

function continuationRow({ promptId, tokenIds, sample, text, finish, logprob }: Continuation) {
  return { prompt_id: promptId, sample, text, token_ids: tokenIds, finish, logprob };
}

/** How tokens are chosen: what a step's config calls it is what the engine calls it. */
function decodingOf(config: Config): GenerationOptions {
  const { max_new_tokens, do_sample, temperature, top_p, top_k, repetition_penalty, seed } = config;
  const { no_repeat_ngram_size, min_new_tokens, suppress_tokens, begin_suppress_tokens, bad_words_ids } = config;
  return {
    max_new_tokens,
    do_sample,
    temperature,
    top_p,
    top_k,
    repetition_penalty,
    seed,
    ...(no_repeat_ngram_size !== undefined && { no_repeat_ngram_size }),
    ...(min_new_tokens !== undefined && { min_new_tokens }),
    ...(suppress_tokens && { suppress_tokens }),
    ...(begin_suppress_tokens && { begin_suppress_tokens }),
    ...(bad_words_ids && { bad_words_ids }),
  };
}

/** `text/generate`. */
export async function run(context: RunContext<Config, RowRange>): Promise<void> {
  const { config, shard, signal } = context;
  const { num_return_sequences, generation_config } = config;
  const prompts = await modelPrompts(config.prompts, shard);
  const model = await loadedModel(context);
  const [first, last] = shard?.samples ?? [0, num_return_sequences];
  const options: GenerationOptions = {
    num_return_sequences: last - first,
    first_sample: first,
    ...decodingOf(config),
    follow_generation_config: generation_config === 'follow',
    interventions: await interventionsOf(config, model.config),
  };
  // Once a task: its first shard says it for all.
  if (generation_config === undefined && first === 0 && (shard?.start ?? 0) === 0)
    sayUnfollowed(context, model, options);
  const hooks: RunHooks = { onProgress: ({ done, total }) => context.progress(done, total, 'continuations'), signal };
  const write = (continuations: readonly Continuation[]): Promise<void> =>
    writeRows(context.output('continuations'), CONTINUATIONS, continuations.map(continuationRow));
  if (config.capture === undefined) return write((await generate(model, prompts, options, hooks)).continuations);
  const ids = prompts.map(({ id }) => id);
  await withCapture(context, model, config.capture, ids, async (capture, { onToken }) => {
    const both = { ...hooks, ...(onToken && { onToken }) };
    const { continuations, states } = await generate(model, prompts, { ...options, capture }, both);
    await write(continuations);
    return { states: states!, rows: continuations };
  });
}

/** Says what the checkpoint's own file asks for and this step does otherwise. */
function sayUnfollowed({ log }: RunContext<Config, RowRange>, model: Model, options: GenerationOptions): void {
  const asked = unfollowed(model, options);
  if (asked.length === 0) return;
  log(
    'warning',
    `the model’s own generation settings ask for ${asked.join(', ')}, which is done otherwise here; \`generation_config: follow\` takes over the rules among them, \`ignore\` leaves out this line`,
  );
}

/** Puts the shards one below the other. */
export async function combine({ parts, output }: CombineContext<Config>): Promise<void> {
  await concatTableFiles(
    parts.map((part) => part.continuations!),
    output('continuations'),
  );
  if (parts[0]?.states !== undefined)
    await concatStates(
      parts.map((part) => part.states!),
      output('states'),
    );
}
