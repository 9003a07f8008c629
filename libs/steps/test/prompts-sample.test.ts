import { writeFile } from 'node:fs/promises';
import path from 'node:path';
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
    const table = await tableArtifact(folder, [{ text: 'a' }, { text: '  ' }, { text: null }, { text: 'a' }]);
    const result = await runStep('prompts/sample', folder, { source: table });
    expect(await result.rows('prompts')).toHaveLength(1);
    expect(result.warnings).toEqual(['2 of 4 rows have no text and were left out']);
  });

  it('refuses a source without any prompt, and a count beyond the source', async () => {
    const empty = await tableArtifact(folder, [{ text: null }]);
    await expect(runStep('prompts/sample', folder, { source: empty })).rejects.toThrow('the source has no prompts');
    await expect(runStep('prompts/sample', folder, { source: await source(5), count: 6 })).rejects.toThrow(
      '6 prompts were asked for, but the source has 5 distinct ones (of 5 rows)',
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
