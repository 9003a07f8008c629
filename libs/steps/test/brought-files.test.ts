import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { tableFromRows, writeParquet } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

let files = 0;
/** A file that a person brings. */
async function brought(content: string, ending = 'csv') {
  const name = `own-${files++}.${ending}`;
  await writeFile(path.join(folder, name), content);
  return { ...artifact('table', path.join(folder, name)), ref: name };
}

async function imported(content: string, config: object = {}, ending?: string) {
  const result = await runStep('table/import', folder, { source: await brought(content, ending), ...config });
  return { warnings: result.warnings, rows: await result.rows('table') };
}

const error = (work: Promise<unknown>): Promise<{ message: string; hint: string }> =>
  work.then(
    () => expect.unreachable('nothing was refused'),
    (failure) => failure as { message: string; hint: string },
  );

describe('a word for a missing value in a column of numbers', () => {
  it.each(['NA', 'N/A', 'nan', 'NaN', 'null', 'None', '<NA>', '#N/A', 'NULL', '-', '?', 'missing'])(
    '%s is refused by file, line, column and value, with the option that makes it null',
    async (word) => {
      const text = `text,age\na,31\nb,${word}\nc,7\n`;
      const { message, hint } = await error(imported(text));
      expect(message).toMatch(/own-\d+\.csv:3: the column age holds /);
      expect(message).toContain(`holds ${JSON.stringify(word)} (in 1 row), which stands for a missing value`);
      expect(hint).toContain(`\`missing: [${JSON.stringify(word)}]\``);
      expect((await imported(text, { missing: [word] })).rows.map(({ age }) => age)).toEqual([31, null, 7]);
      expect((await imported(text, { missing: [] })).rows.map(({ age }) => age)).toEqual(['31', word, '7']);
    },
  );

  it('is refused among true and false, and among quoted numbers of JSON Lines', async () => {
    expect((await error(imported('text,toxic\na,true\nb,NA\n'))).message).toContain('the column toxic holds "NA"');
    const lines = '{"text": "a", "age": "31"}\n{"text": "b", "age": "None"}\n';
    expect((await error(imported(lines, {}, 'jsonl'))).message).toMatch(/jsonl:2: the column age holds "None"/);
  });

  it('beside numbers of JSON Lines is refused with the same remedy, and read with it', async () => {
    const lines = '{"text": "a", "age": 31}\n{"text": "b", "age": "None"}\n';
    expect((await error(imported(lines, {}, 'jsonl'))).hint).toContain('table/import, whose `missing:`');
    expect((await imported(lines, { missing: ['None'] }, 'jsonl')).rows.map(({ age }) => age)).toEqual([31, null]);
  });
});

describe('a number for a missing value', () => {
  it.each([-999, -9, -99, -9999])('%d is refused in any column, and made null', async (number) => {
    const text = `text,age\na,31\nb,${number}\nc,7\n`;
    const { message, hint } = await error(imported(text));
    expect(message).toContain(`csv:3: the column age holds ${number} (in 1 row), which stands for a missing value`);
    expect(hint).toContain(`\`missing: [${number}]\``);
    expect((await imported(text, { missing: [number] })).rows.map(({ age }) => age)).toEqual([31, null, 7]);
    expect((await imported(text, { missing: { age: [] } })).rows.map(({ age }) => age)).toEqual([31, number, 7]);
  });

  it('is found in Parquet by row, and however it is written', async () => {
    const file = path.join(folder, 'own.parquet');
    await writeParquet(file, tableFromRows([{ age: 1.5 }, { age: -999 }]));
    const source = artifact('table', file);
    expect((await error(runStep('table/import', folder, { source }))).message).toContain(
      'own.parquet, row 1 (counted from 0): the column age holds -999',
    );
    const read = await runStep('table/import', folder, { source, missing: [-999] });
    expect(await read.rows('table')).toEqual([{ age: 1.5 }, { age: null }]);
    expect((await imported('age\n1.5\n-999.0\n', { missing: [-999] })).rows).toEqual([{ age: 1.5 }, { age: null }]);
  });

  it('is none where other values are as far below zero', async () => {
    expect((await imported('delta\n-9\n-4\n3\n')).rows).toHaveLength(3);
    expect((await imported('delta\n-999\n-500\n3\n')).rows).toHaveLength(3);
    expect((await error(imported('score\n-999\n-0.5\n0.3\n'))).message).toContain('holds -999');
  });

  it('is refused in a table that is filtered, joined or put under another as it is', async () => {
    const table = await brought('prompt_id,age\na,1\nb,-999\n');
    const filtered = runStep('table/filter', folder, { table, where: [{ column: 'age', op: '<', value: 5 }] });
    expect((await error(filtered)).hint).toContain('Say which values are missing with table/import');
    await expect(runStep('table/join', folder, { left: table, right: table, on: ['prompt_id'] })).rejects.toThrow(
      '-999',
    );
    await expect(runStep('table/concat', folder, { tables: [table] })).rejects.toThrow('-999');
  });

  it('is refused among scores of any attribute', async () => {
    const rows = [0.5, -999].map((score, i) => ({ prompt_id: `p${i}`, sample: 0, 'score.POLITENESS': score }));
    await expect(runStep('behavior/summarize', folder, { scores: await tableArtifact(folder, rows) })).rejects.toThrow(
      'the POLITENESS of prompt p1, sample 0, is -999 (in 1 of 2 rows), which stands for a missing score among the others',
    );
  });
});

describe('a column of texts', () => {
  it('keeps a program’s word for a missing value and says so; named by column it is null there alone', async () => {
    const text = 'text,country,label\na,NA,toxic\nb,DE,NA\n';
    const kept = await imported(text);
    expect(kept.rows[0]).toMatchObject({ country: 'NA' });
    expect(kept.warnings).toEqual([
      expect.stringContaining('the column country holds "NA" among its texts (in 1 row, the first at '),
      expect.stringContaining('`missing: { label: ["NA"] }`'),
    ]);
    const named = await imported(text, { missing: { label: ['NA'], country: [] } });
    expect(named.warnings).toEqual([]);
    expect(named.rows).toEqual([
      { text: 'a', country: 'NA', label: 'toxic' },
      { text: 'b', country: 'DE', label: null },
    ]);
  });

  it('is not read as missing for a word of the language', async () => {
    expect((await imported('text\nnone\nmissing\nyes\n')).warnings).toEqual([]);
  });

  it('of Python’s dictionaries or lists is said, and refused where texts are wanted', async () => {
    const dictionaries = "filename,prompt\n1,\"{'text': 'One half', 'toxicity': 0.25}\"\n2,\n";
    const { warnings } = await imported(dictionaries);
    expect(warnings).toEqual([expect.stringContaining('the column prompt holds Python dictionaries written as text')]);
    expect(warnings[0]).toContain('Write JSON Lines');
    const lists = await brought('text\n"[\'one\', \'two\']"\n"[""it\'s"", \'so\']"\n');
    for (const [kind, config] of [
      ['prompts/sample', { source: lists }],
      ['text/score', { scorer: artifact('scorer', resolveEmbedded('toxicity').path), texts: lists }],
    ] as const) {
      const { message, hint } = await error(runStep(kind, folder, config));
      expect(message).toContain('holds Python lists written as text, not texts');
      expect(hint).toContain('df.explode("text")');
    }
  });
});

it('a word that `missing` names and the file does not have is said', async () => {
  expect((await imported('age\n1\n', { missing: ['n/a', -999] })).warnings).toEqual([
    '`missing` names "n/a", -999, which stands nowhere in the file',
  ]);
});

describe('prompts/sample', () => {
  it('says what to do about tables and numbers as other programs write them', async () => {
    const sampled = async (content: string, ending?: string) =>
      runStep('prompts/sample', folder, { source: await brought(content, ending) });
    const columns = '{"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}}';
    expect((await error(sampled(columns, 'json'))).hint).toContain('df.to_json(path, orient="records", lines=True)');
    for (const numbers of ['a;0,5\nb;0,25', 'a;50%\nb;25 %'])
      expect((await error(sampled(`text;score.TOXICITY\n${numbers}\n`))).hint).toContain('with a point and no unit');
    expect((await sampled('text,toxicity\na,0.5\n')).warnings).toEqual([
      expect.stringContaining('`rename: { toxicity: score.TOXICITY }`'),
    ]);
  });

  it('refuses what stands for a missing value in any column of the source, or makes it null', async () => {
    const text = 'text,age\na,31\nb,-999\nnan,3\n';
    await expect(runStep('prompts/sample', folder, { source: await brought(text) })).rejects.toThrow(
      'the column age holds -999',
    );
    const sampled = await runStep('prompts/sample', folder, { source: await brought(text), missing: [-999, 'nan'] });
    expect((await sampled.rows('prompts')).map(({ text, age }) => [text, age])).toEqual([
      ['a', 31],
      ['b', null],
    ]);
    expect(sampled.warnings).toEqual([expect.stringContaining('1 of 3 rows have no text and were left out')]);
  });

  it('says that a column of ids is there and how to take it', async () => {
    const rows = [
      { id: 7, text: 'a' },
      { id: 9, text: 'b' },
    ];
    const { warnings } = await runStep('prompts/sample', folder, { source: await tableArtifact(folder, rows) });
    expect(warnings).toEqual([
      'the column id of the source is kept, but prompts get ids that are made of their texts: `id: id` takes its values for them',
    ]);
    const taken = await runStep('prompts/sample', folder, { source: await tableArtifact(folder, rows), id: 'id' });
    expect(taken.warnings).toEqual([]);
  });
});

describe('ids that are whole numbers in a file', () => {
  it('are the same as those that prompts/sample made texts of, in scores, comparisons and joins', async () => {
    const source = await brought('prompt_id,text,score.TOXICITY\n1,one,0.1\n20,two,0.9\n');
    const prompts = artifact('table', (await runStep('prompts/sample', folder, { source })).path('prompts'));
    const scores = await brought('prompt_id,sample,score.TOXICITY\n1,0,0.25\n20,0,0.75\n');
    const summary = await (await runStep('behavior/summarize', folder, { scores, prompts })).rows('summary');
    expect(summary.find(({ metric }) => metric === 'emt')).toMatchObject({ value: 0.5, missing: 0, prompts: 2 });
    const joined = await runStep('table/join', folder, {
      left: prompts,
      right: scores,
      on: ['prompt_id'],
      conflicts: 'right',
    });
    expect((await joined.rows('table')).map((row) => [row.prompt_id, row.text, row['score.TOXICITY']])).toEqual([
      ['1', 'one', 0.25],
      ['20', 'two', 0.75],
    ]);
    const compared = await runStep('score/compare', folder, { scores: [scores], reference: [scores] });
    expect(compared.warnings).toEqual([]);
  });
});
