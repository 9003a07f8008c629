import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openScorer, scoreTexts } from '../src/index.ts';
import { context } from './opening.ts';
import { type Answering, type FakeClock, fakeClock, type Seen, sendJson, serve } from './server.ts';

let close: (() => Promise<void>) | undefined;
beforeEach(() => {
  process.env.PERSPECTIVE_API_KEY = 'first-secret';
});
afterEach(async () => {
  delete process.env.PERSPECTIVE_API_KEY;
  await close?.();
  close = undefined;
});

const HOUR = 3_600_000;

/** Answers as the service does. */
function scored({ body }: Seen, value = 0.25) {
  const names = Object.keys(body.requestedAttributes);
  const score = { summaryScore: { value, type: 'PROBABILITY' } };
  return { attributeScores: Object.fromEntries(names.map((name) => [name, score])), languages: ['en'] };
}

function refusal(message: string, details: object = {}, code = 400, status = 'INVALID_ARGUMENT') {
  return { error: { code, message, status, details: [details] } };
}

async function open(answer: Answering, config: object = {}, clock = fakeClock()) {
  const server = await serve(answer);
  close = server.close;
  const logs: string[] = [];
  const scorer = await openScorer(
    { kind: 'perspective', url: server.url, attributes: ['TOXICITY', 'INSULT'], ...config },
    { ...context, clock, log: (_level, message) => void logs.push(message) },
  );
  return { scorer, clock, server, logs };
}

const fine: Answering = (seen, response) => sendJson(response, 200, scored(seen));

describe('the Perspective API', () => {
  it('is asked for all attributes in one query that it does not store, and its answers come whole', async () => {
    const { scorer, server } = await open(fine, { languages: ['en'] });
    const [outcome] = await scorer.score(['so \ud800 it goes']);
    expect(outcome).toMatchObject({ outcome: 'ok', scores: [0.25, 0.25] });
    const { url, body } = server.seen[0]!;
    expect(url).toBe('/?key=first-secret');
    expect(body).toEqual({
      comment: { text: 'so \ufffd it goes', type: 'PLAIN_TEXT' },
      languages: ['en'],
      requestedAttributes: { TOXICITY: {}, INSULT: {} },
      doNotStore: true,
      spanAnnotations: false,
    });
    expect(outcome!.answer).toEqual({
      request: body,
      response: scored(server.seen[0]!),
      time: expect.stringMatching(/^2026-01-01T/),
    });
    expect(JSON.stringify([scorer.identity, outcome])).not.toContain('secret');
  });

  it('detects the language where none is given', async () => {
    const { scorer, server } = await open(fine);
    await scorer.score(['x']);
    expect(server.seen[0]!.body).not.toHaveProperty('languages');
  });

  it('has no query for what it would refuse anyway', async () => {
    const { scorer, server } = await open(fine);
    expect(await scorer.score([' ', '', 'é'.repeat(10_241)])).toMatchObject([
      { outcome: 'empty' },
      { outcome: 'empty' },
      { outcome: 'too_long', detail: '20482 bytes of UTF-8; at most 20480 are scored' },
    ]);
    expect(server.seen).toHaveLength(0);
  });

  it.each([
    [
      'unsupported_language',
      'Attribute INSULT does not support request languages: und',
      { errorType: 'LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE' },
    ],
    ['unsupported_language', 'Attribute INSULT does not support request languages: und', {}],
    ['too_long', 'Comment text was too many bytes. Value (23368) exceeded limit (20480).', {}],
    ['too_long', 'Comment is too long.', { errorType: 'COMMENT_TOO_LONG' }],
    ['empty', 'Comment must be non-empty.', { errorType: 'COMMENT_EMPTY' }],
    ['refused', 'Something about this text.', {}],
  ])('that answers 400 gives the outcome %s for “%s”', async (outcome, message, details) => {
    const { scorer } = await open((_, response) => sendJson(response, 400, refusal(message, details)));
    expect(await scorer.score(['x'])).toMatchObject([
      { outcome, detail: message, answer: { response: refusal(message, details) } },
    ]);
  });

  it('that answers 200 without scores gives an outcome, and null for one that is missing', async () => {
    const none = await open((_, response) => sendJson(response, 200, { languages: ['en'], detectedLanguages: ['en'] }));
    expect(await none.scorer.score(['x'])).toMatchObject([{ outcome: 'refused', detail: 'an answer without scores' }]);
    await close?.();
    const half = await open((seen, response) => {
      const { attributeScores } = scored(seen);
      sendJson(response, 200, { attributeScores: { TOXICITY: attributeScores.TOXICITY } });
    });
    expect(await half.scorer.score(['x'])).toMatchObject([{ outcome: 'ok', scores: [0.25, null] }]);
  });

  it('that refuses a key stops the work, says what to do, and shows no key', async () => {
    process.env.PERSPECTIVE_API_KEY = 'first-secret, second-secret';
    const invalid = refusal('API key not valid. Please pass a valid API key.', { reason: 'API_KEY_INVALID' });
    const { scorer, server } = await open((seen, response) =>
      seen.url.includes('second') ? sendJson(response, 400, invalid) : sendJson(response, 200, scored(seen)),
    );
    const failure = await scoreTexts(scorer, ['a', 'b', 'c', 'd']).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'scorer',
      message: expect.stringMatching(/refuses key 2 of 2: API key not valid/),
      hint: expect.stringContaining('PERSPECTIVE_API_KEY'),
    });
    expect(String(failure)).not.toContain('secret');
    expect(server.seen.length).toBeLessThanOrEqual(5);
    await close?.();
    const denied = await open((_, response) =>
      sendJson(response, 403, refusal('disabled', {}, 403, 'PERMISSION_DENIED')),
    );
    await expect(denied.scorer.score(['x'])).rejects.toThrow(/refuses key 1 of 2: disabled/);
  });

  it('needs a key in the environment, unless nothing is to be sent', async () => {
    delete process.env.PERSPECTIVE_API_KEY;
    await expect(open(fine)).rejects.toThrow(/needs a key, and the environment has no PERSPECTIVE_API_KEY/);
    await close?.();
    const { scorer, server } = await open(fine, { record: 'only' });
    expect(await scorer.score(['x'])).toEqual([{ outcome: 'not_recorded' }]);
    expect(server.seen).toHaveLength(0);
  });

  it('is asked as often as each key may, in turn', async () => {
    process.env.PERSPECTIVE_API_KEY = 'one,two';
    const { scorer, server, clock } = await open(fine);
    const begun = clock.now();
    await scorer.score(Array.from({ length: 20 }, (_, i) => `text ${i}`));
    expect(clock.now() - begun).toBe(9000);
    const uses = (key: string) => server.seen.filter(({ url }) => url.endsWith(key)).length;
    expect([uses('one'), uses('two')]).toEqual([10, 10]);
    await close?.();
    process.env.PERSPECTIVE_API_KEY = 'one';
    const quick = await open(fine, { rate: 10 });
    const from = quick.clock.now();
    await quick.scorer.score(Array.from({ length: 30 }, (_, i) => `text ${i}`));
    expect(quick.clock.now() - from).toBeGreaterThanOrEqual(2000);
    expect(quick.clock.now() - from).toBeLessThan(2100);
  });

  const faults: [string, (response: ServerResponse, clock: FakeClock) => void][] = [
    ['drops the connection', (response) => response.destroy()],
    ['does not answer in time', (_response, clock) => clock.timeOut()],
    [
      'gives half a body',
      (response, clock) => response.writeHead(200, { 'content-length': 500 }).write('{"attributeSc', clock.timeOut),
    ],
    ['drops it within the body', (response) => response.writeHead(200).write('{"attr', () => response.destroy())],
    ['gives what is no JSON', (response) => response.writeHead(200).end('<html>Log in to the network</html>')],
    ['gives JSON of another form', (response) => sendJson(response, 200, [1])],
    ['is overloaded', (response) => sendJson(response, 503, refusal('overloaded', {}, 503))],
  ];
  it.each(faults)('that %s is asked again', async (_, fault) => {
    const clock = fakeClock();
    const { scorer } = await open(
      (seen, response, count) => (count <= 2 ? fault(response, clock) : fine(seen, response, count)),
      { rate: 1000 },
      clock,
    );
    expect(await scorer.score(['x'])).toMatchObject([{ outcome: 'ok', scores: [0.25, 0.25] }]);
    expect(clock.slept).toEqual([750, 1500]);
  });

  it('in a storm of 429 is left alone for as long as it says, and all is scored in the end', async () => {
    const limited = refusal('Quota exceeded', { reason: 'RATE_LIMIT_EXCEEDED' }, 429, 'RESOURCE_EXHAUSTED');
    const { scorer, clock, server } = await open((seen, response, count) =>
      count % 4 === 0 ? fine(seen, response, count) : sendJson(response, 429, limited, { 'retry-after': '30' }),
    );
    const texts = Array.from({ length: 12 }, (_, i) => `text ${i}`);
    const begun = clock.now();
    const outcomes = await scoreTexts(scorer, texts);
    expect(outcomes.every(({ outcome }) => outcome === 'ok')).toBe(true);
    expect(server.seen.length).toBe(48);
    expect(clock.now() - begun).toBeGreaterThanOrEqual(30_000 * 12);
  });

  it('may be away for an hour', async () => {
    let back = Number.POSITIVE_INFINITY;
    const { scorer, clock, logs, server } = await open((seen, response, count) => {
      if (count === 1) back = clock.now() + HOUR;
      if (clock.now() < back) response.destroy();
      else fine(seen, response, count);
    });
    const outcomes = await scoreTexts(scorer, ['a', 'b', 'c']);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok']);
    expect(clock.now() - back).toBeLessThan(200_000);
    expect(server.seen.length).toBeLessThan(300);
    expect(logs[0]).toBe('The Perspective API: the connection was cut; asking again in 3 s');
  });

  it('is given up after two hours without an answer, and what was kept is spoken of', async () => {
    const { scorer, clock } = await open((_, response) => sendJson(response, 500, {}));
    const begun = clock.now();
    const failure = await scoreTexts(scorer, ['x']).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/has given no answer for (2 h|1\d\d min|\d\d min): it answers 500/),
      hint: expect.stringContaining('the next run goes on from there'),
    });
    expect(clock.now() - begun).toBeLessThanOrEqual(2 * HOUR);
  });

  it('that refuses every text in the same words is not asked without end', async () => {
    const { scorer, server } = await open((_, response) => sendJson(response, 400, refusal('No such thing.')));
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`);
    await expect(scoreTexts(scorer, texts)).rejects.toThrow(/has refused each of the first 20 texts: No such thing/);
    expect(server.seen.length).toBeLessThan(30);
    await close?.();
    const unknown = await open((_, response) =>
      sendJson(response, 400, refusal('Unknown requested attribute: INSULTS')),
    );
    await expect(unknown.scorer.score(['x'])).rejects.toThrow(/does not take the query: Unknown requested attribute/);
  });

  it('that has ended says what is left to do', async () => {
    const { scorer } = await open((_, response) => response.writeHead(404).end('<html>not here</html>'));
    await expect(scorer.score(['x'])).rejects.toMatchObject({
      message: expect.stringContaining('answers 404'),
      hint: expect.stringContaining('record: only'),
    });
  });

  it('that answers a score out of range breaks its contract', async () => {
    const { scorer } = await open((seen, response) => sendJson(response, 200, scored(seen, 7)));
    await expect(scorer.score(['x'])).rejects.toThrow(/answers 7 as score of TOXICITY/);
  });
});
