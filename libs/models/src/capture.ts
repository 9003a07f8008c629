import { padTokens, runsOf, spanMaximum, spanWeights } from './decoding/prefill.ts';
import { ModelError } from './errors.ts';
import { explainNonFinite } from './finite.ts';
import { causalMask } from './masks.ts';
import { internalsOf, type Model } from './model.ts';
import { checkCapture, gatesOf } from './options.ts';
import { checkLength, requireSpan, tokenizeContinuation, tokenizePrompt } from './prompts.ts';
import { collectStates, NonFiniteStates } from './states.ts';
import type { CapturedStates, CaptureItem, CaptureOptions, Intervention, Pool, RunHooks } from './types.ts';

interface Row {
  readonly id: string;
  readonly ids: readonly number[];
  /** Token range of each summed pool, in their order. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly maximum: readonly [number, number];
}

const SUMMED: readonly Pool[] = ['prompt', 'continuation', 'last'];

function prepare(model: Model, item: CaptureItem, pools: readonly Pool[], summed: readonly Pool[]): Row {
  const prompt = tokenizePrompt(model, item.prompt);
  const { id } = prompt;
  const added = item.continuation ? tokenizeContinuation(model, id, item.continuation) : [];
  checkLength(model, id, prompt.ids.length, added.length);
  const ids = [...prompt.ids, ...added];
  if (item.continuation && added.length === 0) {
    throw new ModelError(
      `The continuation of prompt "${id}" is empty, so it has no state to pool; leave the pair out.`,
    );
  }
  if (!item.continuation && pools.includes('continuation')) {
    throw new ModelError(`Prompt "${id}" has no continuation; capture "prompt", "last" or "max", or give pairs.`);
  }
  const continuation: readonly [number, number] = [prompt.ids.length, ids.length];
  const own = item.continuation && !pools.includes('prompt') ? null : requireSpan(prompt);
  const tail = item.continuation ? continuation : own!;
  const ranges = summed.map((pool): readonly [number, number] => {
    if (pool === 'prompt') return own!;
    return pool === 'continuation' ? continuation : [tail[1] - 1, tail[1]];
  });
  return { id, ids, ranges, maximum: tail };
}

/**
 * Pooled hidden states of given texts, by one teacher-forced pass: for a prompt and the continuation that `generate`
 * gave, the same states as it captured.
 * @returns tensors with a row for each item, in their order
 * @throws ModelError for an item that cannot be read, or a state that is not finite
 */
export async function capture(
  model: Model,
  items: readonly CaptureItem[],
  options: CaptureOptions & { readonly interventions?: readonly Intervention[] },
  { onProgress, signal }: RunHooks = {},
): Promise<CapturedStates> {
  const { layers } = model.config;
  const wanted = checkCapture(options, layers);
  const gates = gatesOf(options.interventions ?? [], layers);
  const summed = SUMMED.filter((pool) => wanted.pools.includes(pool));
  const withMaximum = wanted.pools.includes('max');
  const rows = items.map((item) => prepare(model, item, wanted.pools, summed));
  const engine = await internalsOf(model).engine(withMaximum);
  const count = rows.length;
  const states = collectStates(engine.sizes, wanted, { prompt: count, continuation: count, last: count, max: count });
  for (const [start, end] of runsOf(rows.map((row) => row.ids.length))) {
    signal?.throwIfAborted();
    onProgress?.({ done: start, total: count });
    const group = rows.slice(start, end);
    const { tokens, inputIds, positions } = padTokens(group.map((row) => row.ids));
    const pool = spanWeights(
      group.map((row) => row.ranges),
      tokens,
    );
    const result = await engine.run({
      prompts: group.length,
      samples: 1,
      tokens,
      inputIds,
      positions,
      mask: causalMask(engine.sizes, tokens),
      gates,
      ...(summed.length > 0 ? { pool } : {}),
      ...(withMaximum
        ? {
            maximum: spanMaximum(
              group.map((row) => row.maximum),
              tokens,
            ),
          }
        : {}),
    });
    try {
      group.forEach((row, i) => {
        row.ranges.forEach(([from, to], q) => {
          const offset = (i * summed.length + q) * engine.pooledSize;
          states.write(summed[q]!, start + i, result.pooled, offset, to - from);
        });
        if (withMaximum) states.write('max', start + i, result.maximum!, i * engine.pooledSize, 1);
      });
    } catch (error) {
      if (error instanceof NonFiniteStates) throw await explainNonFinite(model, engine, gates, group, error);
      throw error;
    }
  }
  onProgress?.({ done: count, total: count });
  return states.finish();
}
