import { UserError } from '@sonde/base';
import { Splitter } from './added-tokens.ts';
import { type AlignedText, aligned, inPoints, plain, slice } from './aligned-text.ts';
import type { AddedToken, LoadedTokenizer } from './as-loaded.ts';
import { bytesIn, type Model, type ModelToken } from './models/model.ts';
import { type Normalizer, normalizerOf } from './normalize.ts';
import { type PlacedToken, type PostProcessor, postProcessorOf } from './post-process.ts';
import { type PreTokenizer, preTokenizerOf } from './pre-tokenize.ts';

/** Turns texts into tokens, and says of each where in the text it was. */
export class Encoder {
  readonly #normalize: Normalizer;
  readonly #preTokenize: PreTokenizer;
  readonly #model: Model;
  readonly #postProcess: PostProcessor;
  readonly #plain: Splitter;
  readonly #normalized: Splitter;
  /** Added tokens as texts have them, by their numbers. */
  readonly #added = new Map<number, string>();
  readonly #special: ReadonlySet<string>;

  /** @throws UserError if a part is one that is not known */
  constructor({ json }: LoadedTokenizer, model: Model) {
    this.#normalize = normalizerOf(json.normalizer);
    this.#preTokenize = preTokenizerOf(json.pre_tokenizer);
    this.#model = model;
    const tokens = json.added_tokens;
    const ids = new Map(tokens.map(({ content, id }) => [content, id]));
    this.#postProcess = postProcessorOf(json.post_processor, (token) => ids.get(token) ?? this.#model.idOf(token));
    this.#special = new Set(tokens.filter(({ special }) => special).map(({ content }) => content));
    const normalized = (content: string): string => plain(this.#normalize(aligned(content)));
    for (const { id, content, writtenNormalized } of tokens) {
      this.#added.set(id, writtenNormalized ? normalized(content) : content);
    }
    const plainOnes = tokens.filter((token) => !token.normalized);
    this.#plain = new Splitter(plainOnes.map((token) => [token.content, token]));
    const others = tokens
      .filter((token) => token.normalized)
      .map((token): [string, AddedToken] => [normalized(token.content), token]);
    const nothing = others.find(([sought]) => sought === '')?.[1].content;
    if (nothing !== undefined) {
      throw new UserError(
        'model',
        `the normalizer leaves nothing of the added token ${JSON.stringify(nothing)}, which is looked for after it.`,
      );
    }
    this.#normalized = new Splitter(others);
  }

  /** A text's tokens. @param special whether those of the post-processor stand around them */
  encode(text: string, special: boolean): readonly PlacedToken[] {
    return this.#postProcess(split(aligned(text), this.#plain).flatMap(this.#tokensOf), special);
  }

  /** The texts of tokens that are known and not special. */
  textsOf(ids: readonly number[]): string[] {
    return ids.flatMap((id) => {
      const token = this.#added.get(id) ?? this.#model.tokenOf(id);
      return token === undefined || this.#special.has(token) ? [] : [token];
    });
  }

  readonly #tokensOf = ({ text, token }: Section): PlacedToken[] => {
    if (token) return [placedAdded(text, token)];
    return split(this.#normalize(text), this.#normalized).flatMap((section) =>
      section.token ? [placedAdded(section.text, section.token)] : this.#words(section.text),
    );
  };

  #words(text: AlignedText): PlacedToken[] {
    return this.#preTokenize(text).flatMap((word) => placed(word, this.#model.tokenize(plain(word))));
  }
}

/** An added token with the text where it is, or the text between such. */
interface Section {
  readonly text: AlignedText;
  readonly token: AddedToken | null;
}

function split(text: AlignedText, splitter: Splitter): Section[] {
  const sections = splitter.split(plain(text));
  const places = inPoints(
    text,
    sections.map(({ from, to }) => [from, to] as const),
  );
  return sections.map(({ token }, i) => ({ text: slice(text, ...places[i]!), token }));
}

function placedAdded(text: AlignedText, { id }: AddedToken): PlacedToken {
  return { id, value: plain(text), from: text.from[0] ?? 0, to: text.to.at(-1) ?? 0 };
}

/** Tokens at the places of their bytes. */
function placed(word: AlignedText, tokens: readonly ModelToken[]): PlacedToken[] {
  const pointOf: number[] = [];
  for (const [at, point] of word.points.entries()) {
    for (let byte = bytesIn(point); byte > 0; byte--) pointOf.push(at);
  }
  return tokens.map(({ id, value, from, to }) => ({
    id,
    value,
    from: word.from[pointOf[from]!]!,
    to: word.to[pointOf[to - 1]!]!,
  }));
}
