import { describe, expect, it } from 'vitest';
import { mapLabels } from '../src/classifier/labels.ts';
import { activate, usualActivation } from '../src/classifier/probabilities.ts';
import { openScorer, scoreTexts } from '../src/index.ts';
import { context } from './opening.ts';

describe('labels of a classifier', () => {
  it('of the known families are Perspective’s attributes', () => {
    const labels = ['toxic', 'severe_toxic', 'obscene', 'threat', 'insult', 'identity_hate'];
    expect(mapLabels(labels, 'auto', 'm')).toEqual({
      attributes: ['TOXICITY', 'SEVERE_TOXICITY', 'PROFANITY', 'THREAT', 'INSULT', 'IDENTITY_ATTACK'],
      places: [0, 1, 2, 3, 4, 5],
    });
    const more = ['toxicity', 'severe_toxicity', 'obscene', 'identity_attack', 'insult', 'threat', 'sexual_explicit'];
    const mapped = mapLabels([...more, 'male', 'female'], 'auto', 'm');
    expect(mapped.attributes).toHaveLength(7);
    expect(mapped.places[mapped.attributes.indexOf('SEXUALLY_EXPLICIT')]).toBe(6);
  });

  it('keep their names as attributes where they match none', () => {
    expect(mapLabels(['not toxic', '1 star'], 'auto', 'm').attributes).toEqual(['NOT_TOXIC', 'LABEL_1_STAR']);
  });

  it('that are not there are refused with those that are', () => {
    expect(() => mapLabels(['neutral', 'toxic'], { toxicity: 'TOXICITY' }, 'm')).toThrow(
      /names "toxicity", which the classifier m has not; it has neutral, toxic/,
    );
    expect(() => mapLabels(['a', 'b'], { a: 'TOXICITY', b: 'TOXICITY' }, 'm')).toThrow(/a and b .* are both TOXICITY/);
  });
});

describe('logits of a classifier', () => {
  it('become what problem_type says, else what transformers takes', () => {
    const usual = (problem: Parameters<typeof usualActivation>[0]['problem'], labels: string[]) =>
      usualActivation({ problem, labels });
    expect(usual('multi_label_classification', ['a'])).toBe('sigmoid');
    expect(usual('single_label_classification', ['a'])).toBe('softmax');
    expect(usual('regression', ['a'])).toBe('none');
    expect(usual(null, ['a', 'b'])).toBe('softmax');
    expect(activate([0, Math.log(3)], 'softmax')).toEqual([0.25, 0.75].map((x) => expect.closeTo(x, 12)));
    expect(activate([800, -800], 'sigmoid')).toEqual([1, 0]);
    expect(activate([1.5], 'none')).toEqual([1.5]);
  });
});

describe('a scorer of kind regex', () => {
  it('finds expressions, and whole words in any case and script', async () => {
    const scorer = await openScorer(
      { kind: 'regex', patterns: { THREAT: 'kill(s|ed)?\\b' }, words: { PROFANITY: ['damn', 'schön.'] } },
      context,
    );
    expect(scorer.attributes).toEqual(['THREAT', 'PROFANITY']);
    const outcomes = await scoreTexts(scorer, ['He KILLED it', 'Damn!', 'undamned', 'Schön. Ja', '']);
    expect(outcomes.map((o) => 'scores' in o && o.scores)).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
      [0, 1],
      [0, 0],
    ]);
  });

  it('refuses an expression that is none', async () => {
    await expect(openScorer({ kind: 'regex', patterns: { A: '(' } }, context)).rejects.toThrow(/pattern of A/);
    await expect(openScorer({ kind: 'regex' }, context)).rejects.toThrow(/needs `patterns` or `words`/);
  });
});

describe('columns of the table itself', () => {
  it('are the scores of their rows, equal texts or not', async () => {
    const scorer = await openScorer({ kind: 'column', columns: { TOXICITY: 'tox' } }, context);
    const outcomes = await scoreTexts(scorer, ['a', 'a'], {}, [{ tox: 0.1 }, { tox: 0.7 }]);
    expect(outcomes).toEqual([0.1, 0.7].map((score) => ({ outcome: 'ok', scores: [score] })));
  });

  it.each([' ', '\t', '0x1', 'NaN', '1,5', true])('are not scores where they hold %j', async (tox) => {
    const scorer = await openScorer({ kind: 'column', columns: { TOXICITY: 'tox' } }, context);
    await expect(scoreTexts(scorer, ['a'], {}, [{ tox }])).rejects.toThrow('where a score from 0 to 1 was expected');
    expect(await scoreTexts(scorer, ['a'], {}, [{ tox: ' .5e0 ' }])).toEqual([{ outcome: 'ok', scores: [0.5] }]);
  });
});

it('an unknown kind is answered with those there are', async () => {
  await expect(openScorer({ kind: 'oracle' }, context)).rejects.toThrow(
    /no kind of scorer "oracle"; there are classifier, lm, perspective, recorded, column, regex, command, http/,
  );
});
