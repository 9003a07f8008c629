import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const source = (n: number) =>
  tableArtifact(
    folder,
    Array.from({ length: n }, (_, i) => ({ text: `prompt number ${i}`, 'score.TOXICITY': i / n, topic: `t${i % 3}` })),
  );

describe('prompts/sample', () => {
  it('begins a larger sample with the smaller one', async () => {
    const all = await source(100);
    const small = await (await runStep('prompts/sample', folder, { source: all, count: 20 })).rows('prompts');
    const large = await (await runStep('prompts/sample', folder, { source: all, count: 50 })).rows('prompts');
    expect(large.slice(0, 20)).toEqual(small);
  });

  it('does not depend on the order of the source', async () => {
    const records = Array.from({ length: 60 }, (_, i) => ({ text: `text ${i}` }));
    const ids = async (list: typeof records) =>
      (
        await (
          await runStep('prompts/sample', folder, { source: await tableArtifact(folder, list), count: 10 })
        ).rows('prompts')
      ).map((row) => row.prompt_id);
    expect(await ids([...records].reverse())).toEqual(await ids(records));
  });

  it('takes the asked share from each stratum, and nests samples within strata too', async () => {
    const all = await source(200);
    const strata = { attribute: 'TOXICITY', edges: [0.75], shares: [0.5, 0.5] };
    const small = await (await runStep('prompts/sample', folder, { source: all, count: 20, strata })).rows('prompts');
    const large = await (await runStep('prompts/sample', folder, { source: all, count: 60, strata })).rows('prompts');
    expect(small.filter((row) => Number(row['score.TOXICITY']) >= 0.75)).toHaveLength(10);
    expect(large.slice(0, 20)).toEqual(small);
  });

  it('says how many prompts a stratum lacks', async () => {
    const strata = { attribute: 'TOXICITY', edges: [0.9], shares: [0.5, 0.5] };
    await expect(runStep('prompts/sample', folder, { source: await source(50), count: 40, strata })).rejects.toThrow(
      'stratum 1 (TOXICITY from 0.9 to 1) has 5 prompts, but 20 are needed for 40 in all',
    );
  });

  it('reads RealToxicityPrompts rows, null scores included', async () => {
    const file = path.join(folder, 'rtp.jsonl');
    const lines = [
      {
        filename: 'a',
        prompt: { text: 'One half', toxicity: 0.25, sexually_explicit: null },
        continuation: { text: ' other', toxicity: 0.1 },
      },
      {
        filename: 'b',
        prompt: { text: 'Second', toxicity: 0.75, sexually_explicit: 0.5 },
        continuation: { text: ' rest', toxicity: 0.2 },
      },
    ];
    await writeFile(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    const found = await (await runStep('prompts/sample', folder, { source: artifact('table', file) })).rows('prompts');
    expect(
      found.map((row) => [row.text, row['score.TOXICITY'], row['score.SEXUALLY_EXPLICIT'], row['continuation.text']]),
    ).toEqual(
      expect.arrayContaining([
        ['One half', 0.25, null, ' other'],
        ['Second', 0.75, 0.5, ' rest'],
      ]),
    );
  });

  it('leaves out rows without a text and says so', async () => {
    const table = await tableArtifact(folder, [
      { prompt_id: 'a', text: 'one' },
      { prompt_id: 'b', text: '  ' },
      { prompt_id: 'c', text: null },
    ]);
    const result = await runStep('prompts/sample', folder, { source: table });
    expect(await result.rows('prompts')).toHaveLength(1);
    expect(result.warnings).toEqual(['2 of 3 rows have no text and were left out (b, c)']);
  });

  it('takes all rows in the order of the source', async () => {
    const found = await (await runStep('prompts/sample', folder, { source: await source(30) })).rows('prompts');
    expect(found.map((row) => row.text)).toEqual(Array.from({ length: 30 }, (_, i) => `prompt number ${i}`));
  });

  it('keeps the ids of the source, and both of two rows of equal text', async () => {
    const records = [
      { prompt_id: 7, text: 'same', 'score.TOXICITY': 0.1 },
      { prompt_id: 3, text: 'same', 'score.TOXICITY': 0.9 },
      { prompt_id: 5, text: 'other', 'score.TOXICITY': 0.5 },
    ];
    const result = await runStep('prompts/sample', folder, { source: await tableArtifact(folder, records) });
    const found = await result.rows('prompts');
    expect(found.map((row) => [row.prompt_id, row['score.TOXICITY']])).toEqual([
      ['7', 0.1],
      ['3', 0.9],
      ['5', 0.5],
    ]);
    expect(found[0]).not.toHaveProperty('source.prompt_id');
    expect(result.warnings).toEqual(['1 of 3 rows repeats the text of another; each is kept as a prompt of its own']);
  });

  it('takes ids from the column that is named, and keeps that column', async () => {
    const table = await tableArtifact(folder, [
      { text: 'a', question: 'q1' },
      { text: 'b', question: 'q2' },
    ]);
    const found = await (await runStep('prompts/sample', folder, { source: table, id: 'question' })).rows('prompts');
    expect(found.map((row) => [row.prompt_id, row.question])).toEqual([
      ['q1', 'q1'],
      ['q2', 'q2'],
    ]);
  });

  it('draws by id where there are ids, so that a larger sample begins with the smaller one', async () => {
    const records = Array.from({ length: 60 }, (_, i) => ({ prompt_id: `p${i}`, text: `text ${i % 7}` }));
    const drawn = async (list: typeof records, count: number) =>
      (
        await (
          await runStep('prompts/sample', folder, { source: await tableArtifact(folder, list), count })
        ).rows('prompts')
      ).map((row) => row.prompt_id);
    const small = await drawn(records, 10);
    expect((await drawn(records, 40)).slice(0, 10)).toEqual(small);
    expect(await drawn([...records].reverse(), 10)).toEqual(small);
  });

  it('gives rows of equal text ids of their own where the source has none', async () => {
    const table = await tableArtifact(folder, [{ text: 'a' }, { text: 'b' }, { text: 'a' }]);
    const ids = (await (await runStep('prompts/sample', folder, { source: table })).rows('prompts')).map((row) =>
      String(row.prompt_id),
    );
    expect(new Set(ids).size).toBe(3);
    expect(ids[2]).toBe(`${ids[0]}-2`);
  });

  it('refuses ids that are given twice, or missing', async () => {
    const sampled = async (...ids: (string | null)[]) =>
      runStep('prompts/sample', folder, {
        source: await tableArtifact(
          folder,
          ids.map((prompt_id, i) => ({ prompt_id, text: `text ${i}` })),
        ),
      });
    await expect(sampled('a', 'b', 'a', 'b', 'c')).rejects.toThrow(
      '2 of 3 ids in the column prompt_id of the source stand in more than one row: a (row 0, counted from 0; row 2, counted from 0), b (row 1',
    );
    await expect(sampled('a', null)).rejects.toThrow('row 1, counted from 0: there is no id in the column prompt_id');
  });

  it('refuses a number that stands for a missing score, and says what to write', async () => {
    const table = await tableArtifact(folder, [
      { text: 'a', 'score.TOXICITY': 0.5 },
      { text: 'b', 'score.TOXICITY': -999 },
    ]);
    await expect(runStep('prompts/sample', folder, { source: table })).rejects.toThrow(
      'the column score.TOXICITY holds -999 (in 1 row), which stands for a missing value among its other numbers',
    );
  });

  it('refuses nested fields that were written as text', async () => {
    const table = await tableArtifact(folder, [{ prompt: "{'text': 'One half', 'toxicity': 0.25}" }]);
    await expect(runStep('prompts/sample', folder, { source: table })).rejects.toThrow(
      "the column prompt of the source holds Python dictionaries written as text, not texts: {'text': 'One half'",
    );
  });

  it('has nothing to say of the embedded prompts', async () => {
    const embedded = artifact('table', resolveEmbedded('parlour-prompts').path);
    expect((await runStep('prompts/sample', folder, { source: embedded, count: 20 })).warnings).toEqual([]);
  });

  it('says what of a source it does not read: labels in words, a split, lists of texts', async () => {
    const words = [
      { text: 'a', label: 'toxic', split: 'train' },
      { text: 'b', label: 'benign', split: 'test' },
    ];
    const { warnings } = await runStep('prompts/sample', folder, { source: await tableArtifact(folder, words) });
    expect(warnings).toEqual([
      expect.stringContaining(
        'column label of the source is kept, and is no score: it holds texts ("toxic", "benign"). probe/train probes its values as classes with `labels: [label]`',
      ),
      expect.stringContaining(
        'column split of the source is kept, and read only where it is named: probe/train draws its own folds unless it has `split: split`',
      ),
    ]);
    const named = words.map(({ text, label }) => ({ text, 'score.LABEL': label }));
    await expect(runStep('prompts/sample', folder, { source: await tableArtifact(folder, named) })).rejects.toThrow(
      'the column score.LABEL of the source holds texts ("toxic", "benign"), not scores',
    );
    const file = path.join(folder, 'responses.jsonl');
    await writeFile(file, JSON.stringify({ prompt_id: 'a', responses: ['one', 'two'] }));
    await expect(
      runStep('prompts/sample', folder, { source: artifact('table', file), text: 'responses' }),
    ).rejects.toThrow('the column responses of the source holds lists; a row for each text is needed');
  });

  it('says what conversations and words for a missing score are', async () => {
    const file = path.join(folder, 'chats.jsonl');
    await writeFile(file, JSON.stringify({ id: 'a', messages: [{ role: 'user', content: 'Hi' }] }));
    await expect(runStep('prompts/sample', folder, { source: artifact('table', file) })).rejects.toMatchObject({
      hint: expect.stringContaining('The column messages holds conversations'),
    });
    const missing = await tableArtifact(folder, [
      { text: 'a', 'score.TOXICITY': 'NA' },
      { text: 'b', 'score.TOXICITY': 'nan' },
    ]);
    await expect(runStep('prompts/sample', folder, { source: missing })).rejects.toMatchObject({
      hint: expect.stringContaining('`missing: [NA]` makes them null'),
    });
  });

  it('refuses a source without any prompt, and a count beyond the source', async () => {
    const empty = await tableArtifact(folder, [{ text: null }]);
    await expect(runStep('prompts/sample', folder, { source: empty })).rejects.toThrow('the source has no prompts');
    await expect(runStep('prompts/sample', folder, { source: await source(5), count: 6 })).rejects.toThrow(
      '6 prompts were asked for, but the source has 5',
    );
  });

  it('marks the prompt inside its template by code points', async () => {
    const table = await tableArtifact(folder, [{ text: 'Grüße 🎈 an' }]);
    const [row] = await (
      await runStep('prompts/sample', folder, { source: table, template: 'Say «{prompt}» again' })
    ).rows('prompts');
    expect([...String(row!.rendered)].slice(Number(row!.span_start), Number(row!.span_end)).join('')).toBe(
      'Grüße 🎈 an',
    );
  });
});
