import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tableFromRows, writeParquet } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseAttributes, readPrompts, readRenderedPrompts, readScoreGrid, scorerMismatch } from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-scores-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const table = async (rows: readonly Record<string, unknown>[]): Promise<string> => {
  const file = path.join(folder, `${files++}.parquet`);
  await writeParquet(file, tableFromRows(rows));
  return file;
};

describe('a grid of scores', () => {
  it('has a place for each prompt and sample, NaN where there is no score, in any order of prompts', async () => {
    const grid = await readScoreGrid(
      await table([
        { prompt_id: 'b', sample: 1, score: { TOXICITY: 0.4, INSULT: 0.1 }, scorer: 's' },
        { prompt_id: 'a', sample: 0, score: { TOXICITY: 0.2, INSULT: null }, scorer: 's' },
        { prompt_id: 'b', sample: 0, score: { TOXICITY: 0.3, INSULT: 0.9 }, scorer: 's' },
      ]),
    );
    expect(grid).toMatchObject({ promptIds: ['b', 'a'], k: 2, attributes: ['TOXICITY', 'INSULT'], scorers: ['s'] });
    expect([...grid.scores('TOXICITY')]).toEqual([0.3, 0.4, 0.2, Number.NaN]);
    expect([...grid.scores('INSULT')]).toEqual([0.9, 0.1, Number.NaN, Number.NaN]);
    expect([...grid.scores('TOXICITY', ['a', 'c', 'b'])]).toEqual([0.2, Number.NaN, Number.NaN, Number.NaN, 0.3, 0.4]);
  });

  it('is refused where a sample comes twice, or the scores are of other texts', async () => {
    const row = { prompt_id: 'a', sample: 0, 'score.TOXICITY': 0.1 };
    await expect(readScoreGrid(await table([row, row]), 'mine')).rejects.toThrow(
      'mine: rows 0 and 1, counted from 0, are both of prompt a, sample 0; 1 row repeats a prompt and sample in all',
    );
    await expect(readScoreGrid(await table([{ text_id: 'x', 'score.TOXICITY': 0.1 }]), 'mine')).rejects.toMatchObject({
      message: 'mine: there is no column `prompt_id`',
      hint: 'Scores of continuations are needed, not of prompts or other texts.',
    });
  });
});

describe('prompts', () => {
  it('are known by their ids, which must differ', async () => {
    const prompt = { prompt_id: 'a', text: 'A', score: { TOXICITY: 0.5 }, scorer: 's' };
    const { byId, attributes, scorers } = await readPrompts(await table([prompt]));
    expect(byId.get('a')).toEqual(prompt);
    expect({ attributes, scorers }).toEqual({ attributes: ['TOXICITY'], scorers: ['s'] });
    await expect(readPrompts(await table([prompt, prompt]))).rejects.toThrow(
      'the prompts: rows 0 and 1, counted from 0, are both of prompt a; 1 row repeats an id in all',
    );
    await expect(readPrompts(await table([{ ...prompt, text: null }, prompt]))).rejects.toThrow('row 0 has no `text`');
  });

  it('have their own span inside what the model reads, counted in code points', async () => {
    const prompt = { prompt_id: 'a', rendered: '😀 hi', span_start: 2, span_end: 4 };
    expect(await readRenderedPrompts(await table([prompt]))).toEqual([prompt]);
    await expect(readRenderedPrompts(await table([{ ...prompt, span_end: 5 }]))).rejects.toThrow(
      'the prompts: the span of prompt a is 2 to 5, outside its 4 characters',
    );
  });
});

it('attributes that there are no scores of are refused by name', () => {
  expect(chooseAttributes(['TOXICITY'], undefined, 'the scores')).toEqual(['TOXICITY']);
  expect(() => chooseAttributes(['TOXICITY'], ['INSULT'], 'the scores')).toThrow('the scores has no scores of INSULT');
});

it('scores of two scorers, or of one that has no name, are not on one scale', () => {
  expect(scorerMismatch(['a'], ['a'])).toBeUndefined();
  expect(scorerMismatch(['a'], ['b'])).toContain('scored by a, the continuations by b');
  expect(scorerMismatch([], ['b'])).toContain('an unnamed scorer');
  expect(scorerMismatch(['one:0123456789ab'], ['other:0123456789ab'])).toBeUndefined();
  expect(scorerMismatch(['one:0123456789ab'], ['one:0123456789ac'])).toContain('scored by one:0123456789ab');
});
