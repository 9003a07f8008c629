import { describe, expect, it } from 'vitest';
import { openScorer, type Scorer, scoreTexts } from '../src/index.ts';
import { context } from './opening.ts';

/** A program in JavaScript that answers each batch with what `answer(items, n)` gives; `n` counts batches. */
function program(answer: string): string[] {
  const source = `
    let n = 0;
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const items = JSON.parse(line).texts;
      const answer = (${answer})(items, n++);
      if (answer !== undefined) console.log(typeof answer === 'string' ? answer : JSON.stringify({ results: answer }));
    });`;
  return [process.execPath, '-e', source];
}

async function answered(answer: string, texts: readonly string[], config: object = {}) {
  const scorer = await openScorer({ kind: 'command', argv: program(answer), attributes: ['A'], ...config }, context);
  try {
    return await scoreTexts(scorer, texts);
  } finally {
    await scorer.close?.();
  }
}

const LENGTHS = `(items) => items.map(({ id, text }) => (text ? { id, scores: { A: text.length / 10 } } : { id, outcome: 'empty', detail: 'no word' }))`;

describe('a program as scorer', () => {
  it('is started once, given batches, and answers in any order', async () => {
    const texts = ['a', 'bb', '', 'dddd', 'eeeee'];
    const reversed = `(items) => (${LENGTHS})(items).reverse()`;
    expect(await answered(reversed, texts, { batch: 2 })).toEqual([
      { outcome: 'ok', scores: [0.1] },
      { outcome: 'ok', scores: [0.2] },
      { outcome: 'empty', detail: 'no word' },
      { outcome: 'ok', scores: [0.4] },
      { outcome: 'ok', scores: [0.5] },
    ]);
    const pids = `(items) => items.map(({ id }) => ({ id, scores: { A: process.pid } }))`;
    const [first, second] = await answered(pids, ['a', 'b'], { batch: 1, unbounded: true });
    expect(first).toEqual(second);
  });

  it('reads every text as it is', async () => {
    const odd = ['\0 NUL', 'line\nbreak\u2028', 'שלום \u200f\u200b', '😀'.repeat(500_000), '\ud800 half'];
    const counted = `(items) => items.map(({ id, text }) => ({ id, scores: { A: text.length } }))`;
    const outcomes = await answered(counted, odd, { unbounded: true });
    expect(outcomes.map((outcome) => 'scores' in outcome && outcome.scores[0])).toEqual(odd.map((text) => text.length));
  });

  it('has its arguments, files and version in its identity, and not how it is asked', async () => {
    const digestOf = async (config: object) => {
      const scorer: Scorer = await openScorer(
        { kind: 'command', argv: program(LENGTHS), attributes: ['A'], ...config },
        context,
      );
      await scorer.close?.();
      return scorer.identity.digest;
    };
    expect(await digestOf({ batch: 3, timeout: 9 })).toBe(await digestOf({}));
    expect(await digestOf({ version: '2' })).not.toBe(await digestOf({}));
    expect(await digestOf({ attributes: ['B'] })).not.toBe(await digestOf({}));
  });

  it.each([
    [
      'too few rows',
      `(items) => items.slice(1).map(({ id }) => ({ id, scores: { A: 0 } }))`,
      /answered for 1 of 2 texts; the first without an answer has the id “0”: "x"/,
    ],
    ['an unknown id', `() => [{ id: '7', scores: { A: 0 } }]`, /for the id "7", and was asked for “0” to “1”/],
    ['a number for an id', `() => [{ id: 0, scores: { A: 0 } }]`, /for the id 0, and was asked for “0” to “1”/],
    ['no id', `() => [{ scores: { A: 0 } }]`, /answered a result without an id: \{"scores":\{"A":0\}\}/],
    ['an id twice', `() => [{ id: '0', scores: { A: 0 } }, { id: '0', scores: { A: 1 } }]`, /twice for the id “0”/],
    ['NaN', `() => '{"results": [{"id": "0", "scores": {"A": NaN}}]}'`, /not JSON: .*NaN/],
    [
      'a word for a score',
      `() => [{ id: '0', scores: { A: 'high' } }]`,
      /answered "high" as score of A; a number from 0 to 1/,
    ],
    ['a score out of range', `() => [{ id: '0', scores: { A: 3 } }]`, /answered 3 as score of A/],
    ['no score of an attribute', `() => [{ id: '0', scores: {} }]`, /answered no score of A/],
    ['a strange attribute', `() => [{ id: '0', scores: { A: 0, B: 0 } }]`, /a score of B; `attributes` has A/],
    ['a strange outcome', `() => [{ id: '0', outcome: 'bored' }]`, /the outcome "bored" and no scores/],
    ['another form', `() => '[1, 2]'`, /answered \[1,2\] where \{"results": \[…\]\} was expected/],
    ['a print that went astray', `() => 'loading model'`, /not JSON: loading model/],
    [
      'an exit',
      `() => { console.error('no weights'); process.exit(3) }`,
      /ended with status 3 before it had answered.\nno weights/,
    ],
  ])('that gives %s is refused with what it said', async (_, answer, message) => {
    await expect(answered(answer, ['x', 'yy'])).rejects.toThrow(message);
  });

  it('that hangs is ended', async () => {
    await expect(answered('() => undefined', ['x'], { timeout: 0.05 })).rejects.toThrow(
      /has not answered a batch within 0.05 seconds, and was ended/,
    );
  });

  it('that answers without end is ended', async () => {
    const endless = `() => { for (let i = 0; i < 80; i++) process.stdout.write('x'.repeat(2 ** 20)); setInterval(() => {}, 1000); }`;
    await expect(answered(endless, ['x'])).rejects.toThrow(/answered a batch by more than 64 MiB without the end/);
  });

  it('that ends within its answer has not given it; one that leaves out the last end of a line has', async () => {
    const within = (code: number) =>
      `(items) => { const all = JSON.stringify({ results: items.map(({ id }) => ({ id, scores: { A: 0 } })) }); process.stdout.write(${code === 0 ? 'all' : 'all.slice(0, 9)'}, () => process.exit(${code})); }`;
    await expect(answered(within(7), ['x'])).rejects.toThrow(/ended with status 7 before it had answered/);
    expect(await answered(within(0), ['x'])).toEqual([{ outcome: 'ok', scores: [0] }]);
  });

  it('may write separators of lines that are none in JSON', async () => {
    const odd = `(items) => items.map(({ id }) => ({ id, outcome: 'refused', detail: 'a\u2028b' }))`;
    expect(await answered(odd, ['x'])).toEqual([{ outcome: 'refused', detail: 'a\u2028b' }]);
  });

  it('that answers a batch twice is not taken to have answered the next', async () => {
    const twice = `(items) => { const all = JSON.stringify({ results: items.map(({ id }) => ({ id, scores: { A: 0 } })) }); return all + '\\n' + all; }`;
    await expect(answered(twice, ['x', 'y', 'z'], { batch: 1 })).rejects.toThrow(
      /a line that it was not asked for|for the id "0", and was asked for/,
    );
  });

  it('that is not there, or whose files are not, says so', async () => {
    const open = (argv: string[]) => openScorer({ kind: 'command', argv, attributes: ['A'] }, context);
    const scorer = await open(['no-such-program']);
    await expect(scorer.score(['x'])).rejects.toThrow(/no-such-program could not be started: there is no such program/);
    await expect(open(['python3', '{script}'])).rejects.toThrow(/names \{script\}, which `files` has not; it has none/);
  });

  it('finds no secrets in its environment', async () => {
    process.env.A_SECRET = '1';
    const sees = `(items) => items.map(({ id }) => ({ id, scores: { A: process.env.A_SECRET ? 1 : 0 } }))`;
    expect(await answered(sees, ['x'])).toEqual([{ outcome: 'ok', scores: [0] }]);
    delete process.env.A_SECRET;
  });
});
