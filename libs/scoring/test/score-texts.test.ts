import { describe, expect, it } from 'vitest';
import { type Scorer, scoreTexts } from '../src/index.ts';

function lengthScorer(seen: string[][]): Scorer {
  return {
    identity: { kind: 'length' },
    attributes: ['TOXICITY'],
    batchSize: 2,
    async score(texts) {
      seen.push([...texts]);
      return texts.map((text) =>
        text === '' ? { outcome: 'empty' } : { outcome: 'ok', scores: [Math.min(1, text.length / 10)] },
      );
    },
  };
}

describe('scoreTexts', () => {
  it('scores each distinct text once, in batches, and answers in the order of the texts', async () => {
    const seen: string[][] = [];
    const progress: [number, number][] = [];
    const outcomes = await scoreTexts(lengthScorer(seen), ['a', 'bb', 'a', '', 'bb', 'ccc'], {
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(seen).toEqual([
      ['a', 'bb'],
      ['', 'ccc'],
    ]);
    expect(progress).toEqual([
      [2, 4],
      [4, 4],
    ]);
    expect(outcomes.map((o) => (o.outcome === 'ok' ? o.scores[0] : o.outcome))).toEqual([
      0.1,
      0.2,
      0.1,
      'empty',
      0.2,
      0.3,
    ]);
  });

  it('gives a scorer that is quicker so texts of like lengths together', async () => {
    const seen: string[][] = [];
    await scoreTexts({ ...lengthScorer(seen), byLength: true }, ['dddd', 'a', 'ccc', 'bb']);
    expect(seen).toEqual([
      ['a', 'bb'],
      ['ccc', 'dddd'],
    ]);
  });

  it('has nothing to say of no texts', async () => {
    expect(await scoreTexts(lengthScorer([]), [])).toEqual([]);
  });

  it('stops between batches when it is told to', async () => {
    const seen: string[][] = [];
    const stop = new AbortController();
    const scored = scoreTexts(lengthScorer(seen), ['a', 'b', 'c', 'd'], {
      onProgress: () => stop.abort(new Error('enough')),
      signal: stop.signal,
    });
    await expect(scored).rejects.toThrow('enough');
    expect(seen).toEqual([['a', 'b']]);
  });

  it.each([
    [[], /was given 1 texts and answered 0/],
    [[{ outcome: 'ok', scores: [Number.NaN] }], /answered \[NaN\] where 1 scores in \[0, 1\] were expected/],
    [[{ outcome: 'ok', scores: [-999] }], /answered \[-999\]/],
    [[{ outcome: 'ok', scores: [0.1, 0.2] }], /answered \[0.1, 0.2\]/],
  ] as const)('refuses a scorer that answers %j', async (answer, message) => {
    const scorer: Scorer = { identity: { kind: 'broken' }, attributes: ['TOXICITY'], score: () => answer };
    await expect(scoreTexts(scorer, ['x'])).rejects.toThrow(message);
  });
});
