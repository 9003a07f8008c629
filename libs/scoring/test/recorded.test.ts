import { describe, expect, it } from 'vitest';
import { openScorer, type ScoreOutcome, scorerLabel, scoreTexts } from '../src/index.ts';
import { artifactOf, contextOf } from './opening.ts';

type Rows = readonly Record<string, unknown>[];

const table = artifactOf('answers.jsonl', 'table');

function open(rows: Rows, config: object = {}) {
  return openScorer({ kind: 'recorded', table, ...config }, contextOf({ 'answers.jsonl': rows }));
}

/** A text's scores by attribute, or its outcome. */
async function looked(rows: Rows, texts: readonly string[], config: object = {}) {
  const { attributes, score } = await open(rows, config);
  return (await score(texts)).map((outcome: ScoreOutcome) =>
    'scores' in outcome ? Object.fromEntries(attributes.map((name, i) => [name, outcome.scores[i]])) : outcome.outcome,
  );
}

/** A response of the Perspective API. */
function response(scores: Readonly<Record<string, number>>) {
  const entries = Object.entries(scores).map(([name, value]) => [
    name,
    { summaryScore: { value, type: 'PROBABILITY' } },
  ]);
  return { attributeScores: Object.fromEntries(entries), languages: ['en'] };
}

describe('recorded answers', () => {
  it('are found by the text; what was not recorded stays missing', async () => {
    const scorer = await open([
      { text: 'a', 'score.TOXICITY': 0.25, 'score.THREAT': null },
      { text: 'b', 'score.TOXICITY': null, 'score.THREAT': null },
    ]);
    expect(await scoreTexts(scorer, ['b', 'a', 'c'])).toEqual([
      { outcome: 'refused', detail: 'no score was given' },
      { outcome: 'ok', scores: [0.25, null] },
      { outcome: 'not_recorded' },
    ]);
    expect(scorerLabel(scorer.identity)).toMatch(/^answers\.jsonl:[0-9a-f]{12}$/);
  });

  it('keep what the record says of a text without scores', async () => {
    const scorer = await open([
      { text: 'a', 'score.A': null, outcome: 'unsupported_language', detail: 'und' },
      { text: 'b', 'score.A': 0.5, outcome: 'ok', detail: null },
    ]);
    expect(await scoreTexts(scorer, ['a', 'b'])).toEqual([
      { outcome: 'unsupported_language', detail: 'und' },
      { outcome: 'ok', scores: [0.5] },
    ]);
  });

  it('are read from the Perspective API’s requests and responses', async () => {
    const flat = [{ 'request.comment.text': 'a', 'response.attributeScores.INSULT.summaryScore.value': 0.5 }];
    expect(await looked(flat, ['a'])).toEqual([{ INSULT: 0.5 }]);
    const inText = [
      { text: 'a', response: JSON.stringify(response({ TOXICITY: 0.1, INSULT: 0.2 })) },
      { text: '{"b": 1}', response: JSON.stringify({ error: { code: 400 } }) },
    ];
    expect(await looked(inText, ['a', '{"b": 1}'])).toEqual([{ TOXICITY: 0.1, INSULT: 0.2 }, 'refused']);
    const bothInText = [{ request: '{"comment":{"text":"a"}}', response: JSON.stringify(response({ TOXICITY: 0.1 })) }];
    expect(await looked(bothInText, ['a'])).toEqual([{ TOXICITY: 0.1 }]);
  });

  it('without a score have the reason that the Perspective API gives', async () => {
    const error = { code: 400, message: 'Attribute TOXICITY does not support request languages: und' };
    const reason = { outcome: 'unsupported_language', detail: error.message };
    const scored = { text: 'b', response: response({ TOXICITY: 0.1 }) };
    const alone = await open([{ request: { comment: { text: 'a' } }, response: { error } }, scored]);
    expect(await scoreTexts(alone, ['a'])).toEqual([reason]);
    // As `answers` of text/score has it: said twice, and once by nothing but an error.
    const exported = await open([
      { ...scored, 'score.TOXICITY': 0.1, outcome: 'ok', detail: null },
      { text: 'a', response: { error: { code: 400 } }, 'score.TOXICITY': null, ...reason },
    ]);
    expect(await scoreTexts(exported, ['a', 'b'])).toEqual([reason, { outcome: 'ok', scores: [0.1] }]);
  });

  it('are read from RealToxicityPrompts, prompts and continuations, or one of the two', async () => {
    const rows = [
      { 'prompt.text': 'a', 'prompt.toxicity': 0.1, 'continuation.text': 'b', 'continuation.toxicity': null },
    ];
    expect(await looked(rows, ['a', 'b'])).toEqual([{ TOXICITY: 0.1 }, 'refused']);
    expect(await looked(rows, ['a', 'b'], { text: 'continuation.text' })).toEqual(['not_recorded', 'refused']);
  });

  it.each([
    [
      'each with its scores',
      [
        { text: 'g', toxicity: 0.7 },
        { text: 'h', toxicity: null },
      ],
    ],
    [
      'each with its response',
      [
        { text: 'g', response: response({ TOXICITY: 0.7 }) },
        { text: 'h', response: { error: { code: 400 } } },
      ],
    ],
    [
      'each with a list of responses',
      [
        { text: 'g', perspective: [response({ TOXICITY: 0.7 })] },
        { text: 'h', perspective: [{ error: { code: 400 } }] },
      ],
    ],
  ])('are read from generations, %s', async (_, generations) => {
    const rows = [{ 'prompt.text': 'p', 'prompt.toxicity': 0.1, generations }];
    expect(await looked(rows, ['p', 'g', 'h', 'i'])).toEqual([
      { TOXICITY: 0.1 },
      { TOXICITY: 0.7 },
      'refused',
      'not_recorded',
    ]);
  });

  it('are read from a list of texts with a list of responses, or of lists of them, beside it', async () => {
    const one = [{ prompt: 'p', continuations: ['g', 'h'], responses: [response({ A: 0.7 }), null] }];
    expect(await looked(one, ['g', 'h', 'p'])).toEqual([{ A: 0.7 }, 'refused', 'not_recorded']);
    const each = [response({ A: 0.7 }), response({ B: 0.2 })];
    const several = [{ id: 1, output: { texts: ['g', 'h'], api: [each, [response({ A: 0.3 })]] } }];
    expect(await looked(several, ['g', 'h'])).toEqual([
      { A: 0.7, B: 0.2 },
      { A: 0.3, B: null },
    ]);
  });

  it('are read from any table whose columns are named', async () => {
    const rows = [{ comment: 'a', tox: '0.5', ins: '' }];
    const config = { text: 'comment', columns: { TOXICITY: 'tox', INSULT: 'ins' } };
    expect(await looked(rows, ['a'], config)).toEqual([{ TOXICITY: 0.5, INSULT: null }]);
  });

  it('may be several tables, and complete one another', async () => {
    const tables = {
      'one.jsonl': [{ text: 'a', 'score.A': 0.1 }],
      'two.jsonl': [
        { text: 'a', 'score.B': 0.2 },
        { text: 'b', 'score.B': 0.3 },
      ],
    };
    const config = { kind: 'recorded', table: Object.keys(tables).map((name) => artifactOf(name, 'table')) };
    const scorer = await openScorer(config, contextOf(tables));
    expect(scorer.attributes).toEqual(['A', 'B']);
    expect(await scorer.score(['a', 'b'])).toEqual([
      { outcome: 'ok', scores: [0.1, 0.2] },
      { outcome: 'ok', scores: [null, 0.3] },
    ]);
  });

  it('of several scorers in one record are warned of, and each scorer is in the identity', async () => {
    const warnings: string[] = [];
    const rows = ['old:1', 'new:2'].map((scorer) => ({ text: scorer, 'score.A': 0.5, scorer }));
    const of = (part: Rows) =>
      openScorer(
        { kind: 'recorded', table },
        { ...contextOf({ 'answers.jsonl': part }), log: (_level, message) => void warnings.push(message) },
      );
    expect((await of(rows.slice(0, 1))).identity.scorers).toEqual(['old:1']);
    expect(warnings).toEqual([]);
    expect((await of(rows)).identity.scorers).toEqual(['new:2', 'old:1']);
    expect(warnings).toEqual([
      'the record answers.jsonl has answers of new:2 and old:1: their scores may not be on one scale',
    ]);
  });

  it('say of which texts only the beginning was scored', async () => {
    const rows = [
      { text: 'a', 'score.A': 0.5, outcome: 'truncated' },
      { text: 'b', 'score.A': 0.5, outcome: 'ok' },
    ];
    const outcomes = await (await open(rows)).score(['a', 'b']);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['truncated', 'ok']);
  });

  it('that contradict one another, are no scores or have no columns are refused', async () => {
    const twice = [0.1, 0.2].map((value) => ({ text: 'a', 'score.A': value }));
    await expect(open(twice)).rejects.toThrow(/two answers/);
    expect(await looked(twice, ['a'], { repeated: 'first' })).toEqual([{ A: 0.1 }]);
    expect(await looked(twice, ['a'], { repeated: 'last' })).toEqual([{ A: 0.2 }]);
    await expect(open([{ text: 'a', 'score.A': -999 }])).rejects.toThrow(/holds -999 where a score from 0 to 1/);
    await expect(open([{ words: 'a', toxic: 1 }])).rejects.toThrow(/no column of texts; its columns are words, toxic/);
    await expect(open([{ text: 'a', toxic: 1 }])).rejects.toThrow(/no column of scores; its columns are text, toxic/);
    await expect(open([{ text: 'a', toxic: 1 }], { columns: { A: 'tox' } })).rejects.toThrow(/has no column tox/);
  });
});
