import { type Continuation, type GenerationOptions, generate, type RunHooks } from '@sonde/engine';
import type { CombineContext, RunContext } from '@sonde/executor';
import { type Table, tableFromColumns, writeParquet } from '@sonde/tables';
import { combineTables } from '../shared/combine.ts';
import { withCapture } from '../shared/model/captured.ts';
import type { RowRange } from '../shared/model/division.ts';
import { interventionsOf } from '../shared/model/interventions.ts';
import { loadedModel } from '../shared/model/loaded-model.ts';
import { modelPrompts } from '../shared/model/model-prompts.ts';
import { combineStates } from '../states.ts';

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
  const shard = context.shard as unknown as RowRange | undefined;
  const [first, last] = shard?.samples ?? [0, config.num_return_sequences as number];
  const options: GenerationOptions = {
    num_return_sequences: last - first,
    first_sample: first,
    max_new_tokens: config.max_new_tokens as number,
    do_sample: config.do_sample as boolean,
    temperature: config.temperature as number,
    top_p: config.top_p as number,
    top_k: config.top_k as number,
    repetition_penalty: config.repetition_penalty as number,
    seed: config.seed as number,
    interventions: await interventionsOf(context, model.config),
  };
  const hooks: RunHooks = { onProgress: ({ done, total }) => context.progress(done, total, 'continuations'), signal };
  const write = (continuations: readonly Continuation[]): Promise<void> =>
    writeParquet(context.output('continuations'), continuationsTable(continuations));
  if (config.capture === undefined) return write((await generate(model, prompts, options, hooks)).continuations);
  const ids = prompts.map(({ id }) => id);
  await withCapture(context, model, config.capture as Record<string, unknown>, ids, async (capture, { onToken }) => {
    const both = { ...hooks, ...(onToken && { onToken }) };
    const { continuations, states } = await generate(model, prompts, { ...options, capture }, both);
    await write(continuations);
    return { states: states!, rows: continuations };
  });
};

/** Puts the shards one below the other. */
export const combine = async ({ parts, output }: CombineContext): Promise<void> => {
  await combineTables(
    parts.map((part) => part.continuations!),
    output('continuations'),
  );
  if (parts[0]?.states !== undefined)
    await combineStates(
      parts.map((part) => part.states!),
      output('states'),
    );
};
