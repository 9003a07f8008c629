import { afterEach, describe, expect, it } from 'vitest';
import { openScorer } from '../src/index.ts';
import { context } from './opening.ts';
import { type Answering, fakeClock, type Seen, sendJson, serve } from './server.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

const scored = ({ body }: Seen) => ({
  results: body.texts.map(({ id }: { id: string }) => ({ id, scores: { A: 0.5 } })),
});

async function open(answer: Answering, config: object = {}, clock = fakeClock()) {
  const server = await serve(answer);
  close = server.close;
  const scorer = await openScorer(
    { kind: 'http', url: server.url, attributes: ['A'], ...config },
    { ...context, clock },
  );
  return { scorer, clock, server };
}

describe('a service as scorer', () => {
  it('is posted batches, with its token', async () => {
    process.env.SERVICE_TOKEN = 'sesame';
    const { scorer, server } = await open((seen, response) => sendJson(response, 200, scored(seen)), {
      token: 'SERVICE_TOKEN',
    });
    expect(await scorer.score(['x', 'y'])).toMatchObject(
      [0.5, 0.5].map((score) => ({ outcome: 'ok', scores: [score] })),
    );
    expect(server.seen[0]!.headers.authorization).toBe('Bearer sesame');
    expect(JSON.stringify(scorer.identity)).not.toContain('sesame');
    delete process.env.SERVICE_TOKEN;
    await expect(open(() => undefined, { token: 'SERVICE_TOKEN' })).rejects.toThrow(/has no SERVICE_TOKEN/);
  });

  it('is asked again while it is busy, cuts connections or is slow', async () => {
    const clock = fakeClock();
    const { scorer } = await open(
      (seen, response, count) => {
        if (count === 1) sendJson(response, 503, {});
        else if (count === 2) response.destroy();
        else if (count === 3) response.writeHead(200, { 'content-length': 100 }).write('{"results"', clock.timeOut);
        else if (count === 4) sendJson(response, 429, {}, { 'retry-after': '90' });
        else sendJson(response, 200, scored(seen));
      },
      {},
      clock,
    );
    expect(await scorer.score(['x'])).toMatchObject([{ outcome: 'ok', scores: [0.5] }]);
    expect(clock.slept).toEqual([750, 1500, 3000, 90_000]);
  });

  it('is given up after so long without an answer, and at once where no waiting helps', async () => {
    const down = await open((_, response) => sendJson(response, 500, {}), { patience: 60 });
    await expect(down.scorer.score(['x'])).rejects.toThrow(/has given no answer for \d+ s: it answers 500/);
    const refused = await open((_, response) => sendJson(response, 401, { error: 'who are you' }));
    await expect(refused.scorer.score(['x'])).rejects.toThrow(/answers 401: .*who are you/);
    const moved = await open((_, response) => response.writeHead(302, { location: 'http://elsewhere/' }).end());
    await expect(moved.scorer.score(['x'])).rejects.toThrow(/answers 302/);
    expect(moved.clock.slept).toEqual([]);
  });

  it.each([
    ['too few rows', { results: [] }, /answered for 0 of 1 texts/],
    ['another form', { scores: [1] }, /where \{"results": \[…\]\} was expected/],
    ['a word for a score', { results: [{ id: '0', scores: { A: '1' } }] }, /answered "1" as score of A/],
  ])('that gives %s is refused with what it said', async (_, body, message) => {
    const { scorer } = await open((_seen, response) => sendJson(response, 200, body));
    await expect(scorer.score(['x'])).rejects.toThrow(message);
  });

  it('is not asked where its kept answers are to be enough', async () => {
    const { scorer, server } = await open(() => undefined, { record: 'only', token: 'NOT_THERE' });
    expect(await scorer.score(['x'])).toEqual([{ outcome: 'not_recorded' }]);
    expect([scorer.onlyKept, server.seen.length]).toEqual([true, 0]);
  });

  it('may have no password in its address', async () => {
    const config = { kind: 'http', url: 'http://me:secret@127.0.0.1/', attributes: ['A'] };
    await expect(openScorer(config, context)).rejects.toThrow(/holds a name or password/);
  });
});
