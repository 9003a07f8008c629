/** A text as it is told from others: without regard to case, white space and forms of the same character. */
export function nearDuplicateKey(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/gu, ' ');
}

/** Texts that are hardly texts of their own: a probe trained on one of a pair has seen much of the other. */
export interface NearDuplicates {
  readonly texts: number;
  /** Those that repeat an earlier one but for case and white space. */
  readonly repeated: number;
  /** Of the others, those that begin with the whole of another one. */
  readonly extended: number;
}

export function countNearDuplicates(texts: readonly string[]): NearDuplicates {
  const keys = [...new Set(texts.map(nearDuplicateKey))].sort();
  // In order every text stands behind all that it begins with, and these lie one in another.
  const open: string[] = [];
  let extended = 0;
  for (const key of keys) {
    while (open.length > 0 && !key.startsWith(`${open.at(-1)} `)) open.pop();
    if (open.length > 0) extended++;
    open.push(key);
  }
  return { texts: texts.length, repeated: texts.length - keys.length, extended };
}
