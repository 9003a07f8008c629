import { isRecord } from '@sonde/base';
import { Splitter } from './added-tokens.ts';
import type { AddedToken, LoadedTokenizer } from './as-loaded.ts';
import { type AlignedText, aligned, normalizeAligned } from './normalize.ts';
import { type HubPreTokenizer, preTokenize } from './pre-tokenize.ts';

/** The parts of a tokenizer of transformers.js that turn text into tokens. */
export interface HubParts {
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: HubPreTokenizer | null;
  readonly model: ((words: readonly string[]) => string[]) & {
    readonly vocab: string[];
    readonly tokens_to_ids: Map<string, number>;
    readonly unk_token_id?: number;
  };
  readonly post_processor: ((tokens: string[], pair: null, special: boolean) => { readonly tokens: string[] }) | null;
}

/** A stretch of a text: an added token at code points [from, to), or text between such, with the tokens that it becomes. */
export type Stretch =
  | {
      readonly token: AddedToken;
      readonly from: number;
      readonly to: number;
      /** Its text, with the white space that it takes. */
      readonly written: string;
    }
  | {
      readonly token: null;
      /** Null where the normalizer does not say where its characters came from. */
      readonly text: AlignedText | null;
      /** A word that is unknown as a whole stands for itself. */
      readonly tokens: readonly string[];
      readonly ids: readonly number[];
    };

const TEXT = '\uE000\uE001';

/** Turns texts into tokens. */
export class Encoder {
  readonly #normalizer: unknown;
  readonly #splits: unknown;
  readonly #parts: HubParts;
  /** The token of what is not in the vocabulary, and its number. */
  readonly #unknown: string | undefined;
  readonly #unknownId: number | undefined;
  readonly #plain: Splitter;
  readonly #normalized: Splitter;
  /** Numbers of the tokens that stand before and after a text. */
  readonly special: { readonly before: readonly number[]; readonly after: readonly number[] };

  constructor({ json }: LoadedTokenizer, parts: HubParts) {
    this.#normalizer = json.normalizer;
    this.#splits = json.pre_tokenizer;
    this.#parts = parts;
    const tokens = json.added_tokens;
    const { unk_token: unknown } = isRecord(json.model) ? json.model : {};
    this.#unknown = typeof unknown === 'string' ? unknown : undefined;
    // transformers.js takes that of a WordLevel model from tokenizer_config.json.
    this.#unknownId = parts.model.tokens_to_ids.get(this.#unknown ?? '') ?? parts.model.unk_token_id;
    this.#plain = new Splitter(tokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]));
    const normalized = tokens
      .filter((token) => token.normalized)
      .map((token) => [this.#normalize(aligned(token.content)).plain, token] as const);
    this.#normalized = new Splitter(normalized);
    // Hugging Face's tokenizers know such a token by its normalised text alone: no special one where that is another.
    for (const [content, { id }] of normalized) parts.model.vocab[id] = content;
    const around = parts.post_processor?.([TEXT], null, true).tokens ?? [TEXT];
    const at = around.indexOf(TEXT);
    this.special = { before: this.#ids(around.slice(0, at)), after: this.#ids(around.slice(at + 1)) };
    // transformers.js has entered them into the model, whose words they are not: only a splitter finds them.
    const words = wordsOf(json.model);
    for (const { content } of tokens) if (!words.has(content)) parts.model.tokens_to_ids.delete(content);
  }

  stretches(text: string): Stretch[] {
    const pointAt = pointCounter(text);
    return this.#plain.split(text).flatMap(({ from, to, token }): Stretch[] => {
      const start = pointAt(from);
      const inner = aligned(text.slice(from, to), start);
      const at = start + inner.points.length;
      return token ? [{ token, from: start, to: at, written: text.slice(from, to) }] : this.#between(inner);
    });
  }

  /** Text between added tokens that are looked for before normalisation. */
  #between(before: AlignedText): Stretch[] {
    const { plain, text } = this.#normalize(before);
    const pointAt = pointCounter(plain);
    return this.#normalized.split(plain).map(({ from, to, token }): Stretch => {
      const section = plain.slice(from, to);
      const start = pointAt(from);
      const point = pointAt(to);
      const part = text && {
        points: text.points.slice(start, point),
        from: text.from.slice(start, point),
        to: text.to.slice(start, point),
      };
      if (token) return { token, from: part?.from[0] ?? 0, to: part?.to.at(-1) ?? 0, written: section };
      const first = part ? part.from[0] === 0 : start === 0 && before.from[0] === 0;
      const words = preTokenize(section, this.#splits, this.#parts.pre_tokenizer, first);
      const made = words.map((word) => this.#tokensOf(word));
      return {
        token: null,
        text: part,
        tokens: made.flatMap((tokens, i) => (tokens.length === 1 && tokens[0] === this.#unknown ? words[i]! : tokens)),
        ids: made.flatMap((tokens) => this.#ids(tokens)),
      };
    });
  }

  /** The tokens of a word alone: unknown ones are joined inside a word, not across words, as transformers.js would. */
  #tokensOf(word: string): string[] {
    return this.#parts.model([word]).filter((each) => this.#id(each) !== undefined);
  }

  #normalize(before: AlignedText): { plain: string; text: AlignedText | null } {
    const text = normalizeAligned(before, this.#normalizer);
    const source = before.points.join('');
    return { plain: text ? text.points.join('') : (this.#parts.normalizer?.(source) ?? source), text };
  }

  #id(token: string): number | undefined {
    return this.#parts.model.tokens_to_ids.get(token) ?? this.#unknownId;
  }

  #ids(tokens: readonly string[]): number[] {
    return tokens.flatMap((token) => this.#id(token) ?? []);
  }
}

/** Code points before a place in UTF-16 units, asked for here and there but mostly onwards. */
function pointCounter(text: string): (at: number) => number {
  let [place, points] = [0, 0];
  return (at) => {
    const between = [...text.slice(Math.min(place, at), Math.max(place, at))].length;
    points += at < place ? -between : between;
    place = at;
    return points;
  };
}

function wordsOf(model: unknown): ReadonlySet<string> {
  const vocab = isRecord(model) ? model.vocab : undefined;
  if (Array.isArray(vocab))
    return new Set(vocab.map((entry: unknown) => String(Array.isArray(entry) ? entry[0] : entry)));
  return new Set(isRecord(vocab) ? Object.keys(vocab) : []);
}

export function idsOf(stretches: readonly Stretch[]): number[] {
  return stretches.flatMap((stretch) => (stretch.token ? [stretch.token.id] : stretch.ids));
}
