import { TemplateError } from './errors.ts';
import type { Token, TokenKind } from './lex.ts';

const END: Token = { kind: 'end', text: '' };

/** A template's tokens, read one after the other. */
export class Tokens {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get ended(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The text of the token behind the current one. */
  get ahead(): string | undefined {
    return this.#tokens[this.#at + 1]?.text;
  }

  back(): void {
    this.#at--;
  }

  get current(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  next(): Token {
    const token = this.current;
    this.#at++;
    return token;
  }

  is(kind: TokenKind, ...texts: readonly string[]): boolean {
    return this.current.kind === kind && (texts.length === 0 || texts.includes(this.current.text));
  }

  skip(kind: TokenKind, text: string): boolean {
    if (!this.is(kind, text)) return false;
    this.#at++;
    return true;
  }

  expect(kind: TokenKind, text?: string): Token {
    if (!this.is(kind, ...(text === undefined ? [] : [text]))) throw this.unexpected(text ?? kind);
    return this.next();
  }

  unexpected(expected?: string): TemplateError {
    const { text, kind } = this.current;
    const found = this.ended ? 'the template ends' : `"${text === '' ? kind : text}" is unexpected`;
    return new TemplateError(expected === undefined ? found : `${found} where ${expected} should be`);
  }
}
