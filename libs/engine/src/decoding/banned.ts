import { UserError } from '@sonde/base';

/**
 * What a continuation may not say next, whatever the model thinks of it: those of transformers' logits processors that
 * take tokens out. Their order says nothing, since each takes out by itself.
 */
export interface Bans {
  /** Tokens that end a continuation are out until it has so many. */
  readonly minNewTokens: number;
  /** No run of so many tokens comes twice, the prompt's among them; 0: any may. */
  readonly noRepeatNgramSize: number;
  /** Out everywhere, and out as the first token. */
  readonly suppressTokens: readonly number[];
  readonly beginSuppressTokens: readonly number[];
  /** Sequences of tokens that never come whole: the last of one is out behind the others. */
  readonly badWordsIds: readonly (readonly number[])[];
  /** Tokens that end a continuation. */
  readonly eos: readonly number[];
  readonly vocabSize: number;
}

export function anyBans(bans: Bans): boolean {
  const { suppressTokens, beginSuppressTokens, badWordsIds } = bans;
  const lists = [suppressTokens, beginSuppressTokens, badWordsIds];
  return bans.minNewTokens > 0 || bans.noRepeatNgramSize > 0 || lists.some((list) => list.length > 0);
}

/** A sequence so far. */
interface Said {
  readonly prompt: { readonly id: string; readonly ids: readonly number[] };
  readonly tokens: readonly number[];
}

function endsWith(text: readonly number[], part: readonly number[]): boolean {
  const start = text.length - part.length;
  return start >= 0 && part.every((token, i) => text[start + i] === token);
}

/** The last tokens of all runs of `size` tokens in a text that begin as it ends. */
function repeats(text: readonly number[], size: number): number[] {
  const prefix = text.slice(text.length + 1 - size);
  const found: number[] = [];
  for (let end = size - 1; end < text.length; end++) {
    if (prefix.every((token, i) => text[end + 1 - size + i] === token)) found.push(text[end]!);
  }
  return found;
}

/** The tokens that cannot come next. @throws UserError if they are the whole vocabulary */
export function bannedNext(bans: Bans, { prompt, tokens }: Said): number[] {
  const { eos, vocabSize } = bans;
  const text = [...prompt.ids, ...tokens];
  const banned = new Set(bans.suppressTokens);
  if (tokens.length === 0) for (const token of bans.beginSuppressTokens) banned.add(token);
  if (tokens.length < bans.minNewTokens) for (const token of eos) banned.add(token);
  const { noRepeatNgramSize: size } = bans;
  if (size > 0 && text.length >= size) for (const token of repeats(text, size)) banned.add(token);
  for (const word of bans.badWordsIds) {
    const last = word.at(-1)!;
    // As transformers: a bad word that is no more than an end of text is none.
    if (word.length === 1 && eos.includes(last)) continue;
    if (endsWith(text, word.slice(0, -1))) banned.add(last);
  }
  if (banned.size >= vocabSize) {
    throw new UserError(
      'model',
      `Prompt "${prompt.id}" cannot go on after ${tokens.length} tokens: what is suppressed and not to be repeated is the whole vocabulary of ${vocabSize}.`,
      'Suppress fewer tokens, or ask for fewer new ones.',
    );
  }
  return [...banned];
}
