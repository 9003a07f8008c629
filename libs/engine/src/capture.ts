import { UserError } from '@sonde/base';
import { byLength, runsOf, tokensPerRun } from './decoding/batches.ts';
import { explainNonFinite } from './finite.ts';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { type Capture, checkCapture, featuresOf } from './options.ts';
import {
  checkLength,
  promptToken,
  requireSpan,
  type TokenizedPrompt,
  tokenizeContinuation,
  tokenizePrompt,
} from './prompts.ts';
import { collectStates, NonFiniteStates } from './states.ts';
import type { CapturedStates, CaptureItem, CaptureOptions, Intervention, Pool, RunHooks } from './types.ts';
import { eachToken, readWhole, spanMaximum, spanWeights } from './whole.ts';

type Range = readonly [number, number];

interface Row {
  readonly id: string;
  readonly ids: readonly number[];
  readonly sample: number | null;
  readonly prompt: TokenizedPrompt;
  readonly promptTokens: number;
  /** The prompt's number among all prompts, for the first of its items; null for the others. */
  readonly promptRow: number | null;
  /** The prompt's own tokens, if anything is pooled over them. */
  readonly own: Range | null;
  /** The tokens after which `last` and `max` are named. */
  readonly tail: Range;
}

function prepare(model: Model, item: CaptureItem, { pools }: Capture): Omit<Row, 'promptRow'> {
  const prompt = tokenizePrompt(model, item.prompt);
  const { id } = prompt;
  const added = item.continuation ? tokenizeContinuation(model, id, item.continuation) : [];
  checkLength(model, id, prompt.ids.length, added.length);
  const ids = [...prompt.ids, ...added];
  if (item.continuation && added.length === 0) {
    throw new UserError(
      'model',
      `The continuation of prompt "${id}" is empty, so it has no state to pool; leave the pair out.`,
    );
  }
  if (!item.continuation && pools.includes('continuation')) {
    throw new UserError(
      'model',
      `Prompt "${id}" has no continuation; capture "prompt", "last" or "max", or give pairs.`,
    );
  }
  const pooled = pools.includes('prompt') || (!item.continuation && pools.length > 0);
  const own = pooled ? requireSpan(prompt) : null;
  const promptTokens = prompt.ids.length;
  const tail = item.continuation ? ([promptTokens, ids.length] as const) : (own ?? [0, promptTokens]);
  return { id, ids, sample: item.sample ?? null, prompt, promptTokens, own, tail };
}

/** Gives each prompt a number, at the first of its items. @throws UserError if an id names two texts */
function numberPrompts(
  items: readonly CaptureItem[],
  rows: readonly Omit<Row, 'promptRow'>[],
  withPrompts: boolean,
): Row[] {
  const seen = new Map<string, string>();
  return rows.map((row, i) => {
    const { id, rendered } = items[i]!.prompt;
    const known = seen.get(id);
    if (known !== undefined && known !== rendered) {
      throw new UserError(
        'model',
        `Two items name the prompt "${id}" with different texts; ids name prompts and must differ.`,
      );
    }
    if (known === undefined) seen.set(id, rendered);
    return { ...row, promptRow: withPrompts && known === undefined ? seen.size - 1 : null };
  });
}

const SUMMED: readonly Pool[] = ['prompt', 'continuation', 'last'];

function rangeOf(pool: Pool, { own, tail, promptRow }: Row): Range {
  if (pool === 'prompt') return promptRow === null ? [0, 0] : own!;
  return pool === 'continuation' ? tail : [tail[1] - 1, tail[1]];
}

/**
 * Pooled hidden states of given texts, by one teacher-forced pass: for a prompt and the continuation that `generate`
 * gave, the same states as it captured.
 * @returns tensors with a row for each item, in their order; in the pool `prompt`, a row for each prompt, in the order
 * in which they first come
 * @throws UserError for an item that cannot be read, or a state that is not finite
 */
export async function capture(
  model: Model,
  items: readonly CaptureItem[],
  options: CaptureOptions & {
    readonly interventions?: readonly Intervention[];
    /** false: the states of the prompts themselves are left out, for another call gives them. */
    readonly prompts?: boolean;
  },
  { onProgress, onToken, signal }: RunHooks = {},
): Promise<CapturedStates> {
  const { engine: open, decoder } = internalsOf(model);
  const wanted = checkCapture(options, decoder.sizes, onToken);
  const plan = planInterventions(options.interventions ?? [], decoder);
  const summed = SUMMED.filter((pool) => wanted.pools.includes(pool));
  const withMaximum = wanted.pools.includes('max');
  const rows = numberPrompts(
    items,
    items.map((item) => prepare(model, item, wanted)),
    options.prompts !== false,
  );
  const engine = await open(featuresOf(wanted, plan));
  const { size } = engine.layout;
  const count = rows.length;
  const prompts = rows.filter(({ promptRow }) => promptRow !== null).length;
  const states = collectStates(decoder.sizes, engine.layout, wanted, {
    prompt: prompts,
    continuation: count,
    last: count,
    max: count,
  });
  const order = byLength(rows.map((row) => row.ids.length));
  const lengths = order.map((place) => rows[place]!.ids.length);
  for (const [start, end] of runsOf(lengths, tokensPerRun(engine, wanted.tokens))) {
    signal?.throwIfAborted();
    onProgress?.({ done: start, total: count });
    const places = order.slice(start, end);
    const group = places.map((place) => rows[place]!);
    const whole = readWhole(engine.sizes, group, plan);
    const { tokens } = whole;
    const ranges = group.map((row) => [
      ...summed.map((pool) => rangeOf(pool, row)),
      ...(wanted.tokens ? eachToken(row.ids.length, tokens) : []),
    ]);
    const pools = ranges[0]!.length;
    const tails = group.map(({ tail }) => tail);
    const result = await engine.run({
      ...whole,
      last: true,
      ...(pools > 0 ? { pool: spanWeights(ranges, tokens) } : {}),
      ...(withMaximum ? { maximum: spanMaximum(tails, tokens) } : {}),
    });
    try {
      group.forEach((row, i) => {
        summed.forEach((pool, q) => {
          if (pool === 'prompt' && row.promptRow === null) return;
          const [from, to] = ranges[i]![q]!;
          const at = pool === 'prompt' ? row.promptRow! : places[i]!;
          states.write(pool, at, result.pooled, (i * pools + q) * size, to - from);
        });
        if (withMaximum) states.write('max', places[i]!, result.maximum!, i * size, 1);
        for (let t = row.promptRow === null ? row.promptTokens : 0; wanted.tokens && t < row.ids.length; t++) {
          const token = states.ofToken(result.pooled, (i * pools + summed.length + t) * size);
          if (t < row.promptTokens) onToken!(promptToken(row.prompt, t, token));
          else onToken!({ promptId: row.id, sample: row.sample, position: t, span: 'continuation', states: token });
        }
      });
    } catch (error) {
      if (error instanceof NonFiniteStates) throw await explainNonFinite(model, engine, plan, group, error);
      throw error;
    }
  }
  onProgress?.({ done: count, total: count });
  return states.finish();
}
