import { type CombineContext, type RunContext, StepError } from '@sonde/executor';
import { type CaptureItem, capture, type Intervention, type Model, type Prompt, perplexity } from '@sonde/models';
import { concatTables, readTable, rows, tableFromColumns, writeParquet } from '@sonde/tables';
import { withCapture } from '../captured.ts';
import { optionalInput } from '../inputs.ts';
import { interventionsOf } from '../interventions.ts';
import { loadedModel } from '../loaded-model.ts';
import { modelPrompts } from '../model-prompts.ts';
import { combineStates, type StateRow } from '../states.ts';

interface Pairs {
  readonly items: CaptureItem[];
  /** Whose each item is. */
  readonly rows: StateRow[];
}

/** Each prompt with each of its continuations, in the prompts' order; without continuations each prompt alone. */
const pairsOf = async ({ config }: RunContext, prompts: readonly Prompt[]): Promise<Pairs> => {
  const source = optionalInput(config, 'continuations');
  if (source === undefined) {
    return {
      items: prompts.map((prompt) => ({ prompt })),
      rows: prompts.map(({ id }) => ({ promptId: id, sample: null })),
    };
  }
  const byPrompt = new Map<string, { sample: number; tokenIds: number[] }[]>();
  for (const { prompt_id, sample, token_ids } of rows(await readTable(source.path))) {
    const list = byPrompt.get(String(prompt_id)) ?? [];
    list.push({ sample: Number(sample), tokenIds: Array.from((token_ids ?? []) as ArrayLike<number>) });
    byPrompt.set(String(prompt_id), list);
  }
  const found: Pairs = { items: [], rows: [] };
  for (const prompt of prompts) {
    const continuations = byPrompt.get(prompt.id);
    if (continuations === undefined) throw new StepError('step', `prompt ${prompt.id} has no continuations`);
    for (const { sample, tokenIds } of continuations.sort((a, b) => a.sample - b.sample)) {
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
  const ids = prompts.map(({ id }) => id);
  await withCapture(context, model, context.config, ids, async (options, hooks) => {
    const states = await capture(
      model,
      pairs.items,
      { ...options, interventions },
      {
        ...hooks,
        onProgress: ({ done, total }) => context.progress(done, total, 'sequences'),
        signal: context.signal,
      },
    );
    return { states, rows: pairs.rows };
  });
  if (context.config.losses === true) await writeLosses(context, model, prompts, interventions);
};

/** Puts the shards one below the other. */
export const combine = async ({ parts, output }: CombineContext): Promise<void> => {
  await combineStates(
    parts.map((part) => part.states!),
    output('states'),
  );
  if (parts[0]?.losses === undefined) return;
  const tables = await Promise.all(parts.map((part) => readTable(part.losses!)));
  await writeParquet(output('losses'), concatTables(tables));
};
