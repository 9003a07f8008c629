import type { CombineContext, RunContext } from '@sonde/executor';
import { type Continuation, generate } from '@sonde/models';
import { concatTables, readTable, type Table, tableFromColumns, writeParquet } from '@sonde/tables';
import { loadedModel } from '../loaded-model.ts';
import { captureOptions, interventionsOf, modelFacts, modelPrompts } from '../model-prompts.ts';
import { combineStates, writeStates } from '../states.ts';

const continuationsTable = (continuations: readonly Continuation[]): Table =>
  tableFromColumns([
    { name: 'prompt_id', type: 'string', values: continuations.map(({ promptId }) => promptId) },
    { name: 'sample', type: 'int32', values: continuations.map(({ sample }) => sample) },
    { name: 'text', type: 'string', values: continuations.map(({ text }) => text) },
    { name: 'token_ids', type: 'list<int32>', values: continuations.map(({ tokenIds }) => [...tokenIds]) },
    { name: 'finish', type: 'string', values: continuations.map(({ finish }) => finish) },
    { name: 'logprob', type: 'float64', values: continuations.map(({ logprob }) => logprob) },
  ]);

/** `text/generate`. */
export const run = async (context: RunContext): Promise<void> => {
  const { config, signal } = context;
  const prompts = await modelPrompts(context);
  const model = await loadedModel(context);
  const { continuations, states } = await generate(
    model,
    prompts,
    {
      num_return_sequences: config.num_return_sequences as number,
      max_new_tokens: config.max_new_tokens as number,
      do_sample: config.do_sample as boolean,
      temperature: config.temperature as number,
      top_p: config.top_p as number,
      top_k: config.top_k as number,
      repetition_penalty: config.repetition_penalty as number,
      seed: config.seed as number,
      interventions: interventionsOf(context),
      ...(config.capture !== undefined && { capture: captureOptions(config.capture as Record<string, unknown>) }),
    },
    { onProgress: ({ done, total }) => context.progress(done, total, 'continuations'), signal },
  );
  await writeParquet(context.output('continuations'), continuationsTable(continuations));
  if (states === undefined) return;
  const ofPrompts = prompts.map(({ id }) => ({ promptId: id, sample: null }));
  const rowsOf = { prompt: ofPrompts, continuation: continuations, last: continuations, max: continuations };
  await writeStates(context.output('states'), states, rowsOf, modelFacts(context, model.config.architecture));
};

/** Puts the shards one below the other. */
export const combine = async ({ parts, output }: CombineContext): Promise<void> => {
  const tables = await Promise.all(parts.map((part) => readTable(part.continuations!)));
  await writeParquet(output('continuations'), concatTables(tables));
  if (parts[0]?.states !== undefined)
    await combineStates(
      parts.map((part) => part.states!),
      output('states'),
    );
};
