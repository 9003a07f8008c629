import { UserError } from '@sonde/base';
import {
  type CaptureItem,
  type CaptureOptions,
  capture,
  type Intervention,
  type Model,
  type Prompt,
  perplexity,
} from '@sonde/engine';
import type { CombineContext, InputArtifact, RunContext } from '@sonde/executor';
import { CONTINUATIONS, concatStates, LOSSES, PROMPTS, readRowParts, type StateRow, writeRows } from '@sonde/formats';
import { concatTableFiles } from '@sonde/tables';
import { withCapture } from '../shared/model/captured.ts';
import type { RowRange } from '../shared/model/division.ts';
import { interventionsOf } from '../shared/model/interventions.ts';
import { loadedModel } from '../shared/model/loaded-model.ts';
import { modelPrompts } from '../shared/model/model-prompts.ts';
import { poolsOfWhatThereIs } from '../shared/model/schemas.ts';
import type { Config } from './config.ts';

type Given = NonNullable<CaptureItem['continuation']>;

interface Pairs {
  readonly withContinuations: boolean;
  readonly items: CaptureItem[];
  /** Whose each item is. */
  readonly rows: StateRow[];
}

/** Each prompt with each of its continuations, in the prompts' order; without continuations each prompt alone. */
async function pairsOf(
  source: InputArtifact | undefined,
  prompts: readonly Prompt[],
  { range, tokenize }: { range: RowRange | undefined; tokenize: boolean },
): Promise<Pairs> {
  if (source === undefined) {
    return {
      withContinuations: false,
      items: prompts.map((prompt) => ({ prompt })),
      rows: prompts.map(({ id }) => ({ promptId: id, sample: null })),
    };
  }
  const byPrompt = new Map<string, { sample: number; continuation: Given }[]>();
  const wanted = new Set(prompts.map(({ id }) => id));
  const parts = readRowParts(source.path, CONTINUATIONS, {
    columns: ['prompt_id', 'sample', tokenize ? ('text' as const) : ('token_ids' as const)],
    ...(range?.continuations && { rows: range.continuations }),
    ...(source.ref !== undefined && { what: source.ref }),
  });
  for await (const rows of parts) {
    for (const { prompt_id, sample, text, token_ids } of rows) {
      if (!wanted.has(prompt_id)) continue;
      const list = byPrompt.get(prompt_id) ?? [];
      list.push({ sample, continuation: tokenize ? { text } : { tokenIds: token_ids } });
      byPrompt.set(prompt_id, list);
    }
  }
  const found: Pairs = { withContinuations: true, items: [], rows: [] };
  for (const prompt of prompts) {
    const continuations = byPrompt.get(prompt.id);
    if (continuations === undefined) throw new UserError('ids', `prompt ${prompt.id} has no continuations`);
    continuations.sort((a, b) => a.sample - b.sample);
    for (const { sample, continuation } of continuations.slice(...(range?.samples ?? []))) {
      if ('text' in continuation && continuation.text === '') continue;
      found.items.push({ prompt, sample, continuation });
      found.rows.push({ promptId: prompt.id, sample });
    }
  }
  return found;
}

/** Says how many continuations of the prompts are left out because there is nothing to read a state from. */
async function sayWithoutText({ prompts, continuations, tokenize }: Config, log: RunContext['log']): Promise<void> {
  if (continuations === undefined || tokenize !== true) return;
  const wanted = new Set<string>();
  for await (const rows of readRowParts(prompts.path, PROMPTS, { columns: ['prompt_id'] }))
    for (const { prompt_id } of rows) wanted.add(prompt_id);
  let [total, empty] = [0, 0];
  for await (const rows of readRowParts(continuations.path, CONTINUATIONS, { columns: ['prompt_id', 'text'] })) {
    for (const { prompt_id, text } of rows) {
      if (!wanted.has(prompt_id)) continue;
      total++;
      if (text === '') empty++;
    }
  }
  if (empty === 0) return;
  log('warning', `${empty} of ${total} continuations have no text, so no state, and are left out`);
}

async function writeLosses(
  file: string,
  model: Model,
  prompts: readonly Prompt[],
  interventions: readonly Intervention[],
): Promise<void> {
  const { texts } = await perplexity(model, prompts, { interventions });
  const rows = texts.map(({ nll, tokens, bytes }, i) => ({
    prompt_id: prompts[i]!.id,
    tokens,
    bytes,
    nll: nll === null ? null : nll * tokens,
  }));
  await writeRows(file, LOSSES, rows);
}

/** `activations/capture`. */
export async function run(context: RunContext<Config, RowRange>): Promise<void> {
  const { config, shard, signal } = context;
  const prompts = await modelPrompts(config.prompts, shard);
  const model = await loadedModel(context);
  const pairs = await pairsOf(config.continuations, prompts, {
    range: shard,
    tokenize: config.tokenize === true,
  });
  if (shard === undefined) await sayWithoutText(config, context.log);
  const interventions = await interventionsOf(config, model.config);
  // Where a prompt's continuations are divided, what is the prompt's own comes with the first of them alone.
  const withPrompts = (shard?.samples?.[0] ?? 0) === 0;
  const ids = [...new Set(pairs.items.map(({ prompt }) => prompt.id))];
  const pool: CaptureOptions['pool'] = config.pool ?? poolsOfWhatThereIs(config);
  await withCapture(context, model, { ...config, pool }, ids, async (options, hooks) => {
    const states = await capture(
      model,
      pairs.items,
      { ...options, interventions, prompts: withPrompts },
      { ...hooks, onProgress: ({ done, total }) => context.progress(done, total, 'sequences'), signal },
    );
    return { states, rows: pairs.rows };
  });
  if (config.losses) await writeLosses(context.output('losses'), model, withPrompts ? prompts : [], interventions);
}

/** Puts the shards one below the other. */
export async function combine({ config, parts, output, log }: CombineContext<Config>): Promise<void> {
  await sayWithoutText(config, log);
  await concatStates(
    parts.map((part) => part.states!),
    output('states'),
  );
  if (parts[0]?.losses === undefined) return;
  await concatTableFiles(
    parts.map((part) => part.losses!),
    output('losses'),
  );
}
