import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MAX_NGRAMS, ngramHashes, tokenBuffer, tokenHash, tokenize } from '../src/features.ts';

interface ExpectedToken {
  readonly units: number[];
  readonly capitals: boolean;
  readonly hash: number;
  readonly ngrams: number[];
}

/** Written by tools/embedded/scorer/fixture.py, whose features the scorer was trained with. */
const path = new URL('fixtures/features.json', import.meta.url);
const expected = JSON.parse(readFileSync(path, 'utf8')) as { text: string; tokens: ExpectedToken[] }[];

function featuresOf(text: string, buffer = tokenBuffer()): ExpectedToken[] {
  tokenize(text, buffer);
  const ngrams = new Int32Array(MAX_NGRAMS);
  return Array.from({ length: buffer.count }, (_, i) => {
    const [start, end] = [i === 0 ? 0 : buffer.ends[i - 1]!, buffer.ends[i]!];
    const count = ngramHashes(buffer.units, start, end, ngrams);
    return {
      units: [...buffer.units.subarray(start, end)],
      capitals: buffer.capitals[i] === 1,
      hash: tokenHash(buffer.units, start, end) >>> 0,
      ngrams: Array.from(ngrams.subarray(0, count), (h) => h >>> 0),
    };
  });
}

const words = (text: string) => featuresOf(text).map(({ units }) => String.fromCharCode(...units));

describe('features of a text', () => {
  it('are the ones that the training script computes, for any Unicode text', () => {
    const buffer = tokenBuffer();
    for (const { text, tokens } of expected) expect(featuresOf(text, buffer), JSON.stringify(text)).toEqual(tokens);
  });

  it('ignore case, accents, invisible characters and the look of quotation marks', () => {
    expect(words('Crème BRÛLÉE, it’s “fine”')).toEqual(words('creme brulee, it\'s "fine"'));
    expect(words('ca\u00adfe\u0301 \u200bau lait')).toEqual(['cafe', 'au', 'lait']);
  });

  it('keep words in which letters are starred out or replaced', () => {
    expect(words('You d*mn @ss, that cost $5!!!!!')).toEqual(['you', 'd*mn', '@ss', ',', 'that', 'cost', '$5', '!!!']);
  });

  it('mark words written in capitals', () => {
    expect(featuresOf('GO away, I SAID').map(({ capitals }) => capitals)).toEqual([true, false, false, false, true]);
  });

  it('are none for a text that nobody can see', () => {
    for (const text of ['', ' \t\n', '\u200b\ufeff\u00ad', '\u3000\u2003']) expect(words(text)).toEqual([]);
  });
});
