import { UserError } from '@sonde/base';
import type { Model } from '../model.ts';
import type { Capture } from '../options.ts';
import { checkLength, requireSpan, type TokenizedPrompt, tokenizeContinuation, tokenizePrompt } from '../prompts.ts';
import type { CaptureItem } from '../types.ts';

export type Range = readonly [number, number];

/** An item to capture, as it is read. */
export interface Row {
  /** Its number among all items. */
  readonly place: number;
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

function prepare(model: Model, item: CaptureItem, place: number, { pools }: Capture): Omit<Row, 'promptRow'> {
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
  return { place, id, ids, sample: item.sample ?? null, prompt, promptTokens, own, tail };
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

/**
 * Items as they are read.
 * @param withPrompts whether the states of the prompts themselves are wanted
 * @throws UserError for an item that cannot be read
 */
export function rowsOf(model: Model, items: readonly CaptureItem[], wanted: Capture, withPrompts: boolean): Row[] {
  return numberPrompts(
    items,
    items.map((item, place) => prepare(model, item, place, wanted)),
    withPrompts,
  );
}
