import { UserError } from '@sonde/base';
import type { Model } from './model.ts';
import type { Prompt, TokenStates } from './types.ts';

/** A prompt as the model reads it. */
export interface TokenizedPrompt {
  readonly id: string;
  readonly ids: readonly number[];
  /** The tokens [first, past the last] of the prompt's own text; null if it has none. */
  readonly span: () => readonly [number, number] | null;
}

export function checkIds(ids: readonly number[], vocabSize: number, what: string, advice = ''): void {
  const outside = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (outside !== undefined) {
    throw new UserError(
      'model',
      `${what} has token ${outside}, which is not in the model's vocabulary of ${vocabSize}.${advice}`,
    );
  }
}

/**
 * Tokenises a prompt. An empty one is the beginning-of-text token alone, if the model has one.
 * @throws UserError if nothing is left to read
 */
export function tokenizePrompt(model: Model, prompt: Prompt): TokenizedPrompt {
  const { tokenizer, config } = model;
  const bos = tokenizer.bosToken;
  const begins = bos !== null && bos !== '' && prompt.rendered.startsWith(bos);
  const addSpecialTokens = prompt.addSpecialTokens ?? !begins;
  const ids = tokenizer.encode(prompt.rendered, { addSpecialTokens });
  let known: [number, number] | null | undefined;
  const span = (): [number, number] | null => {
    known ??= named(prompt.id, () =>
      tokenizer.spanOf(prompt.rendered, prompt.spanStart, prompt.spanEnd, { addSpecialTokens }),
    );
    return known;
  };
  if (ids.length === 0 && config.bosTokenId === null) {
    throw new UserError(
      'model',
      `Prompt "${prompt.id}" is empty and the model has no beginning-of-text token to start from; remove the prompt.`,
    );
  }
  checkIds(ids, config.vocabSize, `Prompt "${prompt.id}"`, ' Is tokenizer.json another model’s?');
  return { id: prompt.id, ids: ids.length === 0 ? [config.bosTokenId!] : ids, span };
}

/** Says of which prompt a failure is. */
function named<T>(id: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `Prompt "${id}": ${error.message}`, error.hint);
  }
}

/** @throws UserError if a prompt has no token of its own to pool over */
export function requireSpan(prompt: Pick<TokenizedPrompt, 'id' | 'span'>): readonly [number, number] {
  const span = prompt.span();
  if (span) return span;
  throw new UserError(
    'model',
    `Prompt "${prompt.id}" has no text of its own (its span is empty), so it has no state to pool; remove it or do not capture "prompt".`,
  );
}

/** The states of a prompt's token, with where it stands. */
export function promptToken(prompt: TokenizedPrompt, position: number, states: TokenStates['states']): TokenStates {
  const [start, end] = prompt.span() ?? [0, 0];
  const span = position >= start && position < end ? 'prompt' : 'context';
  return { promptId: prompt.id, sample: null, position, span, states };
}

/** Tokenises a continuation, or checks one given in tokens. */
export function tokenizeContinuation(
  model: Model,
  promptId: string,
  continuation: { readonly tokenIds: readonly number[] } | { readonly text: string },
): readonly number[] {
  const ids =
    'tokenIds' in continuation
      ? continuation.tokenIds
      : model.tokenizer.encode(continuation.text, { addSpecialTokens: false });
  checkIds(ids, model.config.vocabSize, `The continuation of prompt "${promptId}"`);
  return ids;
}

/** @throws UserError if a sequence does not fit the model's context */
export function checkLength(model: Model, promptId: string, promptTokens: number, newTokens: number): void {
  const { maxPositions } = model.config;
  if (promptTokens + newTokens <= maxPositions) return;
  throw new UserError(
    'model',
    `Prompt "${promptId}" has ${promptTokens} tokens; with ${newTokens} new ones that is more than the model's context of ${maxPositions}. Shorten or remove the prompt, or ask for fewer new tokens.`,
  );
}
