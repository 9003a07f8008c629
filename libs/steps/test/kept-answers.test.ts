import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { readTable, writeJsonl } from '@sonde/tables';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

/** A server of the Perspective API's protocol: a text's score is its number of letters. */
let server: Server;
let url: string;
let asked: string[] = [];
/** After so many queries it refuses the key. */
let refuseAfter = Number.POSITIVE_INFINITY;

let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  process.env.PERSPECTIVE_API_KEY = 'a-secret';
  ({ folder, remove } = await temporaryFolder());
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part;
    });
    request.on('end', () => {
      const { comment } = JSON.parse(body) as { comment: { text: string } };
      if (asked.length >= refuseAfter) return response.writeHead(403).end('{"error":{"message":"over"}}');
      asked.push(comment.text);
      const value = Math.min(1, comment.text.length / 1000);
      const scores = comment.text.startsWith('#') ? {} : { attributeScores: { TOXICITY: { summaryScore: { value } } } };
      return response.writeHead(200).end(JSON.stringify({ ...scores, languages: ['en'] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  delete process.env.PERSPECTIVE_API_KEY;
  server.closeAllConnections();
  server.close();
  await remove();
});
beforeEach(() => {
  asked = [];
  refuseAfter = Number.POSITIVE_INFINITY;
});

const perspective = (more: object = {}) => ({
  kind: 'perspective',
  url,
  attributes: ['TOXICITY'],
  rate: 1000,
  ...more,
});

async function score(texts: readonly string[], scorer: object, store?: string) {
  const table = await tableArtifact(
    folder,
    texts.map((text, i) => ({ text_id: `${i}`, text })),
  );
  const memory = store === undefined ? {} : { memory: { store: path.join(folder, store), refresh: false } };
  return runStep('text/score', folder, { scorer, texts: table } as never, memory);
}

describe('answers of a service', () => {
  it('are kept whole, asked for once in a store, and enough without the service', async () => {
    const first = await score(['a', 'bb', '# none', 'bb', ' '], perspective(), 'one');
    expect([...asked].sort()).toEqual(['# none', 'a', 'bb']);
    const answers = await first.rows('answers');
    expect(answers).toHaveLength(4);
    expect(answers.find(({ text }) => text === 'bb')).toEqual({
      text: 'bb',
      request: expect.objectContaining({ comment: { text: 'bb', type: 'PLAIN_TEXT' }, doNotStore: true }),
      response: { attributeScores: { TOXICITY: { summaryScore: { value: 0.002 } } }, languages: ['en'] },
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      'score.TOXICITY': 0.002,
      outcome: 'ok',
      detail: null,
      scorer: expect.stringMatching(/^perspective:[0-9a-f]{12}$/),
    });
    expect(JSON.stringify(answers)).not.toContain('secret');

    asked = [];
    await score(['bb', 'ccc'], perspective(), 'one');
    expect(asked).toEqual(['ccc']);

    asked = [];
    delete process.env.PERSPECTIVE_API_KEY;
    const only = perspective({ record: 'only' });
    const rows = await (await score(['ccc', 'dddd', '# none'], only, 'one')).rows('scores');
    expect(rows.map(({ outcome }) => outcome)).toEqual(['ok', 'not_recorded', 'refused']);
    process.env.PERSPECTIVE_API_KEY = 'a-secret';
    await score(['dddd'], perspective(), 'one');
    expect(asked).toEqual(['dddd']);
  });

  it('are lost for a batch at most where the work stops', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i}`);
    refuseAfter = 270;
    await expect(score(texts, perspective(), 'two')).rejects.toThrow(/refuses the key: over/);
    asked = [];
    refuseAfter = Number.POSITIVE_INFINITY;
    const { rows } = await score(texts, perspective(), 'two');
    expect(asked).toHaveLength(300 - 256);
    expect((await rows('scores')).every(({ outcome }) => outcome === 'ok')).toBe(true);
  });

  it('exported as JSON Lines are a record that gives the same scores', async () => {
    const texts = ['a', 'bb', '# none', ' ', 'x'.repeat(21_000)];
    const scored = await score(texts, perspective(), 'three');
    const file = path.join(folder, 'answers.jsonl');
    await writeJsonl(file, await readTable(scored.path('answers')));
    const read = async (scorer: object) =>
      (await (await score([...texts, 'new'], scorer)).rows('scores')).map(({ outcome, ...row }) => [
        outcome,
        row['score.TOXICITY'],
      ]);
    expect(await read({ kind: 'recorded', table: artifact('table', file) })).toEqual([
      ['ok', 0.001],
      ['ok', 0.002],
      ['refused', null],
      ['empty', null],
      ['too_long', null],
      ['not_recorded', null],
    ]);
  });

  it('in a truncated file are refused', async () => {
    const scored = await score(['a', 'bb'], perspective(), 'four');
    const file = path.join(folder, 'cut.parquet');
    await writeFile(file, (await readFile(scored.path('answers'))).subarray(0, -200));
    await expect(score(['a'], { kind: 'recorded', table: artifact('table', file) })).rejects.toThrow(/cut\.parquet/);
  });

  it('of a judge are what it found each answer to be worth', async () => {
    const model = artifact('model', resolveEmbedded('parlour-base').path);
    const judge = { kind: 'lm', model, template: '{text} Is that polite?', answers: [' yes', ' no'] };
    const { rows } = await score(['You fool', 'Good morning', 'You fool'], judge, 'five');
    const answers = await rows('answers');
    expect(answers).toHaveLength(2);
    for (const { response, time, ...answer } of answers) {
      const { TOXICITY } = response as { TOXICITY: Record<string, number> };
      const [yes, no] = [Math.exp(TOXICITY[' yes']!), Math.exp(TOXICITY[' no']!)];
      expect(answer['score.TOXICITY']).toBeCloseTo(yes / (yes + no), 12);
      expect(time).toBeNull();
    }
    const only = await score(['Good morning', 'Good evening'], { ...judge, record: 'only' }, 'five');
    const [kept, other] = await only.rows('scores');
    const { 'score.TOXICITY': said } = answers.find(({ text }) => text === 'Good morning')!;
    expect([kept!['score.TOXICITY'], other!.outcome]).toEqual([said, 'not_recorded']);

    const file = path.join(folder, 'judged.jsonl');
    await writeJsonl(file, await readTable(only.path('answers')));
    const record = { kind: 'recorded', table: artifact('table', file) };
    const recorded = await (await score(['Good morning', 'Good evening'], record)).rows('scores');
    expect(recorded.map((row) => row['score.TOXICITY'])).toEqual([said, null]);
  });
});
