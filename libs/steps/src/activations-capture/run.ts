import { UserError } from '@sonde/base';
import { type CaptureItem, capture, type Intervention, type Model, type Prompt, perplexity } from '@sonde/engine';
import type { CombineContext, RunContext } from '@sonde/executor';
import { readTableParts, rows, tableFromColumns, writeParquet } from '@sonde/tables';
import { optionalInput } from '../inputs.ts';
import { combineTables } from '../shared/combine.ts';
import { withCapture } from '../shared/model/captured.ts';
import { PAIR_COLUMNS, type RowRange } from '../shared/model/division.ts';
import { interventionsOf } from '../shared/model/interventions.ts';
import { loadedModel } from '../shared/model/loaded-model.ts';
import { modelPrompts } from '../shared/model/model-prompts.ts';
import { combineStates, type StateRow } from '../states.ts';

interface Pairs {
  readonly withContinuations: boolean;
  readonly items: CaptureItem[];
  /** Whose each item is. */
  readonly rows: StateRow[];
}

/** Each prompt with each of its continuations, in the prompts' order; without continuations each prompt alone. */
const pairsOf = async ({ config, shard }: RunContext, prompts: readonly Prompt[]): Promise<Pairs> => {
  const source = optionalInput(config, 'continuations');
  if (source === undefined) {
    return {
      withContinuations: false,
      items: prompts.map((prompt) => ({ prompt })),
      rows: prompts.map(({ id }) => ({ promptId: id, sample: null })),
    };
  }
  const byPrompt = new Map<string, { sample: number; tokenIds: number[] }[]>();
  const wanted = new Set(prompts.map(({ id }) => id));
  const range = shard as unknown as RowRange | undefined;
  const part = { columns: PAIR_COLUMNS, ...(range?.continuations && { rows: range.continuations }) };
  for await (const table of readTableParts(source.path, part)) {
    for (const { prompt_id, sample, token_ids } of rows(table)) {
      const id = String(prompt_id);
      if (!wanted.has(id)) continue;
      const list = byPrompt.get(id) ?? [];
      list.push({ sample: Number(sample), tokenIds: Array.from((token_ids ?? []) as ArrayLike<number>) });
      byPrompt.set(id, list);
    }
  }
  const found: Pairs = { withContinuations: true, items: [], rows: [] };
  for (const prompt of prompts) {
    const continuations = byPrompt.get(prompt.id);
    if (continuations === undefined) throw new UserError('ids', `prompt ${prompt.id} has no continuations`);
    continuations.sort((a, b) => a.sample - b.sample);
    for (const { sample, tokenIds } of continuations.slice(...(range?.samples ?? []))) {
      found.items.push({ prompt, sample, continuation: { tokenIds } });
      found.rows.push({ promptId: prompt.id, sample });
    }
  }
  return found;
};

const writeLosses = async (
  context: RunContext,
  model: Model,
  prompts: readonly Prompt[],
  interventions: readonly Intervention[],
): Promise<void> => {
  const { texts } = await perplexity(model, prompts, { interventions });
  await writeParquet(
    context.output('losses'),
    tableFromColumns([
      { name: 'prompt_id', type: 'string', values: prompts.map(({ id }) => id) },
      { name: 'tokens', type: 'int32', values: texts.map(({ tokens }) => tokens) },
      { name: 'nll', type: 'float64', values: texts.map(({ nll, tokens }) => (nll === null ? null : nll * tokens)) },
    ]),
  );
};

/** `activations/capture`. */
export const run = async (context: RunContext): Promise<void> => {
  const prompts = await modelPrompts(context);
  const model = await loadedModel(context);
  const pairs = await pairsOf(context, prompts);
  const interventions = await interventionsOf(context, model.config);
  // Where a prompt's continuations are divided, what is the prompt's own comes with the first of them alone.
  const withPrompts = ((context.shard as unknown as RowRange | undefined)?.samples?.[0] ?? 0) === 0;
  const ids = prompts.map(({ id }) => id);
  const { pool = pairs.withContinuations ? ['prompt', 'continuation'] : ['prompt'] } = context.config;
  await withCapture(context, model, { ...context.config, pool }, ids, async (options, hooks) => {
    const states = await capture(
      model,
      pairs.items,
      { ...options, interventions, prompts: withPrompts },
      {
        ...hooks,
        onProgress: ({ done, total }) => context.progress(done, total, 'sequences'),
        signal: context.signal,
      },
    );
    return { states, rows: pairs.rows };
  });
  if (context.config.losses === true) await writeLosses(context, model, withPrompts ? prompts : [], interventions);
};

/** Puts the shards one below the other. */
export const combine = async ({ parts, output }: CombineContext): Promise<void> => {
  await combineStates(
    parts.map((part) => part.states!),
    output('states'),
  );
  if (parts[0]?.losses === undefined) return;
  await combineTables(
    parts.map((part) => part.losses!),
    output('losses'),
  );
};
