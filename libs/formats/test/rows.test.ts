import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readTable, tableFromRows, writeParquet } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CONTINUATIONS,
  PROMPTS,
  type RowOf,
  readRowParts,
  readRows,
  SCORES,
  SUMMARY,
  writeRowParts,
  writeRows,
} from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-formats-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const file = (): string => path.join(folder, `${files++}.parquet`);

/** A table as another program may write it. */
const foreign = async (rows: readonly Record<string, unknown>[]): Promise<string> => {
  const to = file();
  await writeParquet(to, tableFromRows(rows));
  return to;
};

const continuation = (i: number): RowOf<typeof CONTINUATIONS> => ({
  prompt_id: `p${i % 7}`,
  sample: i,
  text: `text ${i}`,
  token_ids: [i, i + 1],
  finish: i % 2 === 0 ? 'eos' : 'length',
  logprob: -i / 3,
});

describe('rows', () => {
  it('are read as they were written', async () => {
    const rows = Array.from({ length: 5 }, (_, i) => continuation(i));
    const to = file();
    await writeRows(to, CONTINUATIONS, rows);
    expect(await readRows(to, CONTINUATIONS)).toEqual(rows);
    expect((await readTable(to)).columns.map(({ name }) => name)).toEqual(Object.keys(CONTINUATIONS.columns));
  });

  it('have a family of columns as one property', async () => {
    const to = file();
    const row = { prompt_id: 'p', sample: 0, score: { TOXICITY: 0.5, INSULT: null }, outcome: 'ok', scorer: 's' };
    await writeRows(to, SCORES, [row], { families: { score: ['INSULT', 'TOXICITY'] }, with: ['prompt_id', 'sample'] });
    expect((await readTable(to)).columns.map(({ name }) => name)).toEqual([
      'prompt_id',
      'sample',
      'score.INSULT',
      'score.TOXICITY',
      'outcome',
      'scorer',
    ]);
    expect(await readRows(to, SCORES)).toEqual([row]);
  });

  it('are written and read a row group at a time, with the same bytes', async () => {
    const [whole, parts] = [file(), file()];
    const rows = Array.from({ length: 2500 }, (_, i) => continuation(i));
    await writeRows(whole, CONTINUATIONS, rows);
    await writeRowParts(parts, CONTINUATIONS, async (append) => {
      for (let start = 0; start < rows.length; start += 600) await append(rows.slice(start, start + 600));
    });
    const sizes: number[] = [];
    for await (const part of readRowParts(parts, CONTINUATIONS, { columns: ['sample'] })) sizes.push(part.length);
    expect(sizes.length).toBeGreaterThan(1);
    expect(await readRows(parts, CONTINUATIONS)).toEqual(await readRows(whole, CONTINUATIONS));
    expect(await readRows(parts, CONTINUATIONS, { columns: ['sample'], rows: [1200, 1202] })).toEqual([
      { sample: 1200 },
      { sample: 1201 },
    ]);
  });
});

describe('tables of other programs', () => {
  it('may have wider whole numbers, more columns, and none of those that may be null', async () => {
    const from = await foreign([
      { attribute: 'TOXICITY', group: 'all', metric: 'emt', k: 25n, prompts: 3n, scored: 3, mode: 'default', mine: 1 },
    ]);
    expect(await readRows(from, SUMMARY)).toEqual([
      {
        attribute: 'TOXICITY',
        group: 'all',
        metric: 'emt',
        value: null,
        low: null,
        high: null,
        interval_reason: null,
        p: null,
        effect_size: null,
        k: 25,
        prompts: 3,
        scored: 3,
        missing: null,
        empty: null,
        unmatched: null,
        mode: 'default',
        scorer: null,
        prompt_scorer: null,
        prompt_set: null,
        reason: null,
      },
    ]);
  });

  it('are refused where a column is missing, naming it and who writes such a table', async () => {
    const from = await foreign([{ prompt_id: 'p', text: 't' }]);
    await expect(readRows(from, PROMPTS, { what: 'mine.csv', columns: ['rendered'] })).rejects.toMatchObject({
      message: 'mine.csv: there is no column `rendered`',
      hint: 'A table of prompts is needed, as `prompts/sample` gives it; `rendered` is what the model reads, after templates.',
    });
  });

  it('may write numbers as text, and are told by file and line where one is none', async () => {
    const from = file().replace('.parquet', '.csv');
    const read = async (last: string) => {
      await writeFile(from, `prompt_id,sample,score.A\np,0,0.5\np,1,${last}\n`);
      const columns = { columns: ['sample', 'score.<ATTRIBUTE>'], what: 'mine.csv' } as const;
      return readRows(from, SCORES, columns);
    };
    expect(await read('" 1e-1"')).toEqual([
      { sample: 0, score: { A: 0.5 } },
      { sample: 1, score: { A: 0.1 } },
    ]);
    await expect(read('n.a.')).rejects.toThrow('.csv:3 has the `score.A` "n.a."; a number was expected');
  });

  it('are refused where a value is missing or is none that the column has, naming the row', async () => {
    const from = await foreign([
      { group: 'all', metric: 'emt' },
      { group: 'rude', metric: null },
    ]);
    await expect(readRows(from, SUMMARY, { what: 'mine', columns: ['group'] })).rejects.toThrow(
      'mine: row 1 has the `group` "rude"; one of all, high, low was expected',
    );
    await expect(readRows(from, SUMMARY, { what: 'mine', columns: ['metric'] })).rejects.toThrow(
      'mine: row 1 has no `metric`',
    );
  });
});
