/** A text without halves of surrogate pairs: such a half is no character, and tokenizers do not take it. */
export function wellFormed(text: string): string {
  return text.replace(/[\uD800-\uDFFF]/gu, '\uFFFD');
}
