import { sharePrompts } from './capture/branches.ts';
import type { Reading } from './capture/reading.ts';
import { rowsOf } from './capture/rows.ts';
import { captureShared } from './capture/shared.ts';
import { captureWhole } from './capture/whole.ts';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { checkCapture, featuresOf } from './options.ts';
import { collectStates } from './states.ts';
import type { CapturedStates, CaptureItem, CaptureOptions, Intervention, RunHooks } from './types.ts';

/**
 * Pooled hidden states of given texts, by one teacher-forced pass, in which a prompt is read once for all of its
 * continuations where that saves much: for a prompt and the continuation that `generate` gave, the same states as it
 * captured.
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
  const rows = rowsOf(model, items, wanted, options.prompts !== false);
  const engine = await open(featuresOf(wanted, plan));
  const total = rows.length;
  const states = collectStates(decoder.sizes, engine.layout, wanted, {
    prompt: rows.filter(({ promptRow }) => promptRow !== null).length,
    continuation: total,
    last: total,
    max: total,
  });
  let done = 0;
  const onRun = (items: number): void => {
    signal?.throwIfAborted();
    onProgress?.({ done, total });
    done += items;
  };
  const reading: Reading = { model, engine, plan, wanted, states, onToken, onRun };
  const { shared, alone } = engine.branches ? sharePrompts(rows) : { shared: [], alone: rows };
  await captureShared(reading, shared);
  await captureWhole(reading, alone);
  onProgress?.({ done: total, total });
  return states.finish();
}
