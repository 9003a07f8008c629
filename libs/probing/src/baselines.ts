import { UserError } from '@sonde/base';
import { digestStream, randomUnitVector, requireInteger } from '@sonde/numerics';
import { forEachRow, rowCount, type StateReader } from './rows.ts';

/** Features to be probed as if they were hidden states: [n, d], row-major. */
export interface Features {
  readonly states: Float32Array | StateReader;
  readonly d: number;
}

/**
 * Bag of words: counts of the words of each text, hashed into `dimensions` columns (Weinberger et al. 2009, "Feature
 * hashing", without the sign). A word is a run of letters, marks, digits and apostrophes, in lower case.
 *
 * @returns [texts, dimensions]
 */
export function bagOfWords(texts: readonly string[], dimensions = 1024): Features & { readonly states: Float32Array } {
  requireInteger('dimensions', dimensions, 1);
  const states = new Float32Array(texts.length * dimensions);
  const columnOf = new Map<string, number>();
  for (const [row, text] of texts.entries()) {
    for (const word of wordsOf(text)) {
      let column = columnOf.get(word);
      if (column === undefined) {
        column = fnv1a(word) % dimensions;
        columnOf.set(word, column);
      }
      const at = row * dimensions + column;
      states[at] = states[at]! + 1;
    }
  }
  return { states, d: dimensions };
}

/**
 * TF-IDF of the hashed words of each text: counts times ln((1 + texts) / (1 + texts with the column)) + 1, each row then
 * of length 1 (Salton and Buckley 1988; scikit-learn's `TfidfTransformer`). Document frequencies are those of all the
 * texts, whatever fold they are in; they know no targets.
 *
 * @returns [texts, dimensions]
 */
export function termFrequencies(texts: readonly string[], dimensions = 1024): Features {
  const { states, d } = bagOfWords(texts, dimensions);
  const withColumn = new Float64Array(d);
  for (const [at, count] of states.entries()) if (count > 0) withColumn[at % d]!++;
  const weight = withColumn.map((count) => Math.log((1 + texts.length) / (1 + count)) + 1);
  for (let row = 0; row < texts.length; row++) {
    const of = states.subarray(row * d, (row + 1) * d);
    let squares = 0;
    for (let j = 0; j < d; j++) squares += (of[j]! * weight[j]!) ** 2;
    const length = Math.sqrt(squares) || 1;
    for (let j = 0; j < d; j++) of[j] = (of[j]! * weight[j]!) / length;
  }
  return { states, d };
}

/** The words of a text, in lower case. */
export function* wordsOf(text: string): Generator<string> {
  for (const [word] of text
    .normalize('NFC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{M}\p{N}']+/gu)) {
    yield word;
  }
}

/** The Fowler–Noll–Vo hash FNV-1a, 32 bits, of the text's UTF-8 bytes. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Length of each text in code points, and in tokens where they are given: [texts, 1 or 2]. */
export function textLength(texts: readonly string[], tokens?: ArrayLike<number>): Features {
  if (tokens !== undefined && tokens.length !== texts.length) {
    throw new UserError(
      'argument',
      `There are ${tokens.length} token counts for ${texts.length} texts; give one a text.`,
    );
  }
  const lengths = texts.map((text, row) => {
    const codePoints = [...text].length;
    return tokens === undefined ? [codePoints] : [codePoints, tokens[row]!];
  });
  return { states: Float32Array.from(lengths.flat()), d: tokens === undefined ? 1 : 2 };
}

/** Projection of states [n, d] on one seeded direction, uniform on the sphere: [n, 1]. */
export function randomDirection(
  states: Float32Array | StateReader,
  d: number,
  seed: number,
): Features & { readonly states: Float32Array } {
  requireInteger('seed', seed, 0);
  const n = rowCount({ values: states, d });
  const direction = randomUnitVector(digestStream(seed, `direction/${d}`), d);
  const projected = new Float32Array(n);
  forEachRow({ values: states, d }, (row, values, at) => {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += values[at + j]! * direction[j]!;
    projected[row] = sum;
  });
  return { states: projected, d: 1 };
}
