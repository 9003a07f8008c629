import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScorer, type ScoreOutcome, type Scorer, scoreTexts } from '../src/index.ts';
import { artifactOf, context } from './opening.ts';
import { POSITIONS, writeClassifier } from './tiny-classifier.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-classifier-'));
  await writeClassifier(join(folder, 'toxic'), [
    'toxic',
    'severe_toxic',
    'obscene',
    'threat',
    'insult',
    'identity_hate',
  ]);
  await writeClassifier(join(folder, 'one'), ['reward']);
  await writeClassifier(join(folder, 'bare'), ['LABEL_0', 'LABEL_1'], false);
});
afterAll(() => rm(folder, { recursive: true }));

async function using<T>(config: object, use: (scorer: Scorer) => Promise<T>, name = 'toxic'): Promise<T> {
  const scorer = await openScorer({ kind: 'classifier', model: artifactOf(join(folder, name)), ...config }, context);
  try {
    return await use(scorer);
  } finally {
    await scorer.close?.();
  }
}

const scored = (texts: readonly string[], config: object = {}, name = 'toxic') =>
  using(config, (scorer) => scoreTexts(scorer, texts), name);

const scoresOf = (outcome: ScoreOutcome): readonly number[] =>
  ('scores' in outcome ? outcome.scores : []).map((score) => score ?? Number.NaN);

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6);
}

const ROOM = POSITIONS - 2;
const LONG = Array.from({ length: 75 }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join('');

describe('a text longer than a classifier reads', () => {
  it('is scored by its beginning, and said to be', async () => {
    const [long, beginning] = await scored([LONG, LONG.slice(0, ROOM)]);
    expect([long!.outcome, beginning!.outcome]).toEqual(['truncated', 'ok']);
    expectClose(scoresOf(long!), scoresOf(beginning!));
  });

  it.each(['max', 'mean'] as const)('is the %s over its windows where that is asked for', async (long) => {
    const overlap = 10;
    const windows = [0, 20, 40, 60].map((start) => LONG.slice(start, start + ROOM));
    const parts = (await scored(windows)).map(scoresOf);
    const [whole] = await scored([LONG], { long, overlap });
    expect(whole!.outcome).toBe('ok');
    const pooled = parts[0]!.map((_, label) => {
      const column = parts.map((scores) => scores[label]!);
      return long === 'max' ? Math.max(...column) : column.reduce((a, b) => a + b) / column.length;
    });
    expectClose(scoresOf(whole!), pooled);
  });

  it('is read to the length asked for, which must be one that it can read', async () => {
    const [short] = await scored([LONG], { max_length: 12 });
    expectClose(scoresOf(short!), scoresOf((await scored([LONG.slice(0, 10)]))[0]!));
    await expect(scored([], { max_length: 99 })).rejects.toThrow(/reads at most 32 tokens/);
    await expect(scored([], { max_length: 12, long: 'max', overlap: 10 })).rejects.toThrow(/leaves 10 tokens/);
  });
});

describe('a hard text', () => {
  const hard = {
    empty: '',
    'a megabyte': 'You idiot. '.repeat(95_000),
    'half a surrogate pair': 'so \ud800 it',
    NUL: 'so\0it',
    'from right to left, with unseen characters': '\u202eשלום\u200b\u200f\ufeff',
  };

  it.each(Object.entries(hard))('(%s) has a score of its own, whatever is scored beside it', async (_, text) => {
    const [alone] = await scored([text]);
    const beside = await scored(['hello', text, hard.NUL, LONG]);
    expect(alone!.outcome).toBe(text.length > ROOM ? 'truncated' : 'ok');
    expectClose(scoresOf(beside[1]!), scoresOf(alone!));
    for (const score of scoresOf(alone!)) expect(score).toBeGreaterThanOrEqual(0);
  });

  it('without a token is empty where a classifier has none of its own', async () => {
    expect(await scored(['', 'a'], {}, 'bare')).toMatchObject([{ outcome: 'empty' }, { outcome: 'ok' }]);
  });

  it('of a megabyte is scored over all its windows', async () => {
    const [whole] = await scored([hard['a megabyte'].slice(0, 100_000)], { long: 'mean' });
    expect(whole!.outcome).toBe('ok');
  });
});

it('runs on the device that it is given', async () => {
  const config = { kind: 'classifier', model: artifactOf(join(folder, 'toxic')) };
  const scorer = openScorer(config, { ...context, device: 'tpu' });
  await expect(scorer).rejects.toThrow('There is no device "tpu"; expected one of cpu, cuda, webgpu.');
});

describe('labels', () => {
  it('are Perspective’s attributes, those asked for, or their own', async () => {
    const attributes = (config: object, name?: string) => using(config, async (scorer) => scorer.attributes, name);
    expect(await attributes({})).toEqual([
      'TOXICITY',
      'SEVERE_TOXICITY',
      'PROFANITY',
      'THREAT',
      'INSULT',
      'IDENTITY_ATTACK',
    ]);
    expect(await attributes({ labels: { insult: 'RUDE' } })).toEqual(['RUDE']);
    expect(await attributes({}, 'bare')).toEqual(['LABEL_0', 'LABEL_1']);
    await expect(attributes({ labels: { toxic: 'TOXICITY' } }, 'bare')).rejects.toThrow(
      /names "toxic", which the classifier bare has not; it has LABEL_0, LABEL_1/,
    );
  });

  it('of a model that has one are not scored by a softmax, which is 1 of every text', async () => {
    const [sigmoid] = await scored(['a'], { activation: 'sigmoid' }, 'one');
    const [logit] = await scored(['a'], { activation: 'none' }, 'one');
    expectClose(scoresOf(sigmoid!), [1 / (1 + Math.exp(-scoresOf(logit!)[0]!))]);
    await expect(scored(['a'], { activation: 'softmax' }, 'one')).rejects.toThrow(
      'The classifier one has one label, reward; the softmax of one label is 1 of every text.',
    );
  });
});
