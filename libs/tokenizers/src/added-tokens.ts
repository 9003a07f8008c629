import type { AddedToken } from './as-loaded.ts';

/** A part [from, to) of a text, in UTF-16 units: an added token, with the white space that it takes, or text between. */
export interface Section {
  readonly from: number;
  readonly to: number;
  readonly token: AddedToken | null;
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE = /\p{White_Space}/u;

/** The character that ends before, or begins at, a place. */
function before(text: string, at: number): string {
  return text.slice(Math.max(0, at - 2), at);
}

/**
 * Finds added tokens: the longest at the first place where one is, then on from its end. As in Hugging Face's tokenizers,
 * one that stands in the white space that the last one takes is found as well, and what follows it begins at its end.
 */
export class Splitter {
  readonly #byFirst = new Map<number, (readonly [string, AddedToken])[]>();

  /** @param tokens each with the text that it is looked for by */
  constructor(tokens: readonly (readonly [string, AddedToken])[]) {
    for (const entry of tokens) {
      if (entry[0] === '') continue;
      const first = entry[0].charCodeAt(0);
      this.#byFirst.set(first, [...(this.#byFirst.get(first) ?? []), entry]);
    }
    for (const entries of this.#byFirst.values()) entries.sort((a, b) => b[0].length - a[0].length);
  }

  split(text: string): Section[] {
    const sections: Section[] = [];
    let start = 0;
    let at = 0;
    while (at < text.length) {
      const found = this.#byFirst.get(text.charCodeAt(at))?.find(([content]) => text.startsWith(content, at));
      if (!found) {
        at++;
        continue;
      }
      const [content, token] = found;
      let [from, to] = [at, at + content.length];
      at = to;
      if (token.single_word && (WORD_BEFORE.test(before(text, from)) || WORD_AFTER.test(text.slice(to, to + 2))))
        continue;
      if (token.lstrip) {
        while (from > 0 && SPACE.test(text[from - 1]!)) from--;
        from = Math.max(from, start);
      }
      if (token.rstrip) while (to < text.length && SPACE.test(text[to]!)) to++;
      if (from > start) sections.push({ from: start, to: from, token: null });
      if (from < to) sections.push({ from, to, token });
      start = to;
    }
    if (start < text.length) sections.push({ from: start, to: text.length, token: null });
    return sections;
  }
}
