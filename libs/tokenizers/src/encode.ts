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
    readonly tokens_to_ids: ReadonlyMap<string, number>;
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
      readonly tokens: readonly string[];
      readonly ids: readonly number[];
    };

const TEXT = '\uE000\uE001';

/** Turns texts into tokens. */
export class Encoder {
  readonly #normalizer: unknown;
  readonly #splits: unknown;
  readonly #parts: HubParts;
  readonly #plain: Splitter;
  readonly #normalized: Splitter;
  /** Numbers of the tokens that stand before and after a text. */
  readonly special: { readonly before: readonly number[]; readonly after: readonly number[] };

  constructor({ json }: LoadedTokenizer, parts: HubParts) {
    this.#normalizer = json.normalizer;
    this.#splits = json.pre_tokenizer;
    this.#parts = parts;
    const later = (token: AddedToken): boolean => token.normalized && parts.normalizer !== null;
    const tokens = json.added_tokens;
    this.#plain = new Splitter(tokens.filter((token) => !later(token)).map((token) => [token.content, token]));
    const normalized = tokens
      .filter(later)
      .map((token) => [this.#normalize(aligned(token.content)).plain, token] as const);
    this.#normalized = new Splitter(normalized);
    // Hugging Face's tokenizers know such a token by its normalised text alone.
    for (const [content, { id, special }] of normalized) if (!special) parts.model.vocab[id] = content;
    const around = parts.post_processor?.([TEXT], null, true).tokens ?? [TEXT];
    const at = around.indexOf(TEXT);
    this.special = { before: this.#ids(around.slice(0, at)), after: this.#ids(around.slice(at + 1)) };
  }

  stretches(text: string): Stretch[] {
    let at = 0;
    return this.#plain.split(text).flatMap(({ from, to, token }): Stretch[] => {
      const inner = aligned(text.slice(from, to), at);
      const start = at;
      at += inner.points.length;
      return token ? [{ token, from: start, to: at, written: text.slice(from, to) }] : this.#between(inner);
    });
  }

  /** Text between added tokens that are looked for before normalisation. */
  #between(before: AlignedText): Stretch[] {
    const { plain, text } = this.#normalize(before);
    let point = 0;
    return this.#normalized.split(plain).map(({ from, to, token }): Stretch => {
      const section = plain.slice(from, to);
      const start = point;
      point += [...section].length;
      const part = text && {
        points: text.points.slice(start, point),
        from: text.from.slice(start, point),
        to: text.to.slice(start, point),
      };
      if (token) return { token, from: part?.from[0] ?? 0, to: part?.to.at(-1) ?? 0, written: section };
      const first = part ? part.from[0] === 0 : start === 0 && before.from[0] === 0;
      const words = preTokenize(section, this.#splits, this.#parts.pre_tokenizer, first);
      const tokens = this.#parts.model(words).filter((each) => this.#id(each) !== undefined);
      return { token: null, text: part, tokens, ids: this.#ids(tokens) };
    });
  }

  #normalize(before: AlignedText): { plain: string; text: AlignedText | null } {
    const text = normalizeAligned(before, this.#normalizer);
    const source = before.points.join('');
    return { plain: text ? text.points.join('') : (this.#parts.normalizer?.(source) ?? source), text };
  }

  #id(token: string): number | undefined {
    return this.#parts.model.tokens_to_ids.get(token) ?? this.#parts.model.unk_token_id;
  }

  #ids(tokens: readonly string[]): number[] {
    return tokens.flatMap((token) => this.#id(token) ?? []);
  }
}

export function idsOf(stretches: readonly Stretch[]): number[] {
  return stretches.flatMap((stretch) => (stretch.token ? [stretch.token.id] : stretch.ids));
}
