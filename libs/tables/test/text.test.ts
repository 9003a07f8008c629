import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  column,
  floatColumn,
  readTable,
  rows,
  selectColumns,
  selectRows,
  sliceRows,
  stringColumn,
  tableFromRows,
  writeCsv,
  writeJsonl,
} from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-tables-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const readText = async (name: string, content: string | Uint8Array) => readTable(await file(name, content));

describe('JSON Lines', () => {
  it('flattens rows, skips blank lines, takes CRLF and a byte order mark', async () => {
    const table = await readText('a.jsonl', '\uFEFF{"p":{"text":"x"},"n":1}\r\n\r\n{"p":{"text":"y"},"n":null}');
    expect(rows(table)).toEqual([
      { 'p.text': 'x', n: 1 },
      { 'p.text': 'y', n: null },
    ]);
  });

  it('names file and line of a broken line', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => JSON.stringify({ i }));
    lines[316] = '{"i": 31';
    await expect(readText('broken.jsonl', lines.join('\n'))).rejects.toThrow(/broken\.jsonl:317: not JSON: /);
    await expect(readText('list.jsonl', '{"a":1}\n"x"\n')).rejects.toThrow('list.jsonl:2: "x" is not a row');
  });

  it('names both lines where a column changes type', async () => {
    await expect(readText('mixed.jsonl', '{"a":1}\n{"a":"b"}\n')).rejects.toThrow(
      /mixed\.jsonl:2: column "a" is "b" \(string\), but 1 \(int32\) at .*mixed\.jsonl:1;/,
    );
  });

  it('names the line that is not UTF-8', async () => {
    const bytes = Uint8Array.from([...Buffer.from('{"a":1}\n{"a":"'), 0xff, ...Buffer.from('"}\n')]);
    await expect(readText('latin.jsonl', bytes)).rejects.toThrow('latin.jsonl:2: not UTF-8');
    await expect(readText('wide.jsonl', Buffer.from('\uFEFF{"a":1}', 'utf16le'))).rejects.toThrow('UTF-16');
  });

  it('keeps characters whole that lie across the blocks of reading', async () => {
    const row = { text: '🦉é'.repeat(1000) };
    const table = await readText('large.jsonl', `${JSON.stringify(row)}\n`.repeat(600));
    expect(new Set(stringColumn(table, 'text'))).toEqual(new Set([row.text]));
    expect(table.rowCount).toBe(600);
  });

  it('with half a surrogate pair is refused, with line and column', async () => {
    await expect(readText('half.jsonl', '{"a":"x"}\n{"a":"x\\ud83dy"}')).rejects.toThrow(
      'half.jsonl:2: column "a" holds half of a surrogate pair ("\\ud83d"), which is no text.',
    );
  });

  it('keeps whole numbers that no float holds exactly', async () => {
    const lines = ['{"id":1234567890123456789,"x":0.1234567890123456789}', '{"id":1234567890123456790,"x":1e300}'];
    for (const [name, text] of [
      ['ids.jsonl', lines.join('\n')],
      ['ids.json', `[${lines.join(',\n')}]`],
    ] as const) {
      expect(rows(await readText(name, text))).toEqual([
        { id: 1234567890123456789n, x: 0.12345678901234568 },
        { id: 1234567890123456790n, x: 1e300 },
      ]);
    }
  });

  it('refuses whole numbers that it cannot keep', async () => {
    const [wide, long] = ['123456789012345678901234567890', '9007199254740993'];
    await expect(readText('w.jsonl', `{"a":${wide}}`)).rejects.toThrow(
      `w.jsonl:1: column "a" is ${wide}, which is beyond`,
    );
    await expect(readText('l.jsonl', `{"a":[${long}]}`)).rejects.toThrow(
      'l.jsonl:1: column "a" holds a whole number beyond',
    );
    await expect(readText('f.jsonl', `{"a":0.5}\n{"a":${long}}`)).rejects.toThrow(
      `Column "a" holds ${long} among numbers`,
    );
  });

  it('says of NaN and Infinity that JSON has no such value', async () => {
    await expect(readText('nan.jsonl', '{"a":1}\n{"a": NaN}')).rejects.toThrow(
      'nan.jsonl:2: not JSON: NaN is no value',
    );
    await expect(readText('inf.jsonl', '{"a":-Infinity}')).rejects.toThrow('-Infinity is no value of JSON');
  });

  it('refuses a number beyond all floats, also inside a list', async () => {
    await expect(readText('far.jsonl', '{"a":1}\n{"a":1e999}')).rejects.toThrow(
      'far.jsonl:2: it holds a number beyond the largest float',
    );
    await expect(readText('list.jsonl', '{"a":[{"b":-1e999}]}')).rejects.toThrow('list.jsonl:1: it holds a number');
  });

  it('refuses a key that an object has twice, with its line', async () => {
    await expect(readText('twice.jsonl', '{"a":1}\n{"a":1,"b":{"c":1,"c":1}}')).rejects.toThrow(
      'twice.jsonl:2: the key "c" is given twice.',
    );
    await expect(readText('twice.json', '[{"a":9007199254740993,\n"a":2}]')).rejects.toThrow(
      'twice.json:1: the key "a" is given twice.',
    );
  });

  it('says file and line of a value that is no number', async () => {
    const csv = await readText('n.csv', 'id,score\n1,0.5\n2,"0.\n6"\n\n3,high\n');
    expect(() => floatColumn(csv, 'score')).toThrow('n.csv:3; a number was expected');
    const quoted = await readText('q.csv', 'id,score\n1,0.5\n"a\nb",0.6\n\n3,high\n');
    expect(() => floatColumn(selectColumns(quoted, ['score']), 'score')).toThrow('holds "high" at ');
    expect(() => floatColumn(selectRows(quoted, [0, 2]), 'score')).toThrow('q.csv:6; a number was expected');
    const lines = await readText('n.jsonl', '{"score":"1"}\n\n{"score":"high"}\n');
    expect(() => floatColumn(sliceRows(lines, 1), 'score')).toThrow('n.jsonl:3; a number was expected');
  });

  it('that is empty, or missing, is an error', async () => {
    await expect(readText('empty.jsonl', '')).rejects.toThrow('empty.jsonl is empty');
    await expect(readText('blank.jsonl', '\n \n')).rejects.toThrow('blank.jsonl is empty');
    await expect(readTable(join(folder, 'nowhere.jsonl'))).rejects.toThrow(
      /nowhere\.jsonl cannot be read as a table: there is no such file or folder\.$/,
    );
    await expect(readTable(folder)).rejects.toThrow('it is a folder, not a file');
  });
});

describe('a JSON array', () => {
  it('is read element by element, with brackets and quotes inside texts', async () => {
    const data = [{ a: '[1], "{' }, { a: '\\' }, { a: '\n]', b: [1, 2] }];
    for (const indent of [0, 2]) {
      expect(rows(await readText('a.json', JSON.stringify(data, null, indent)))).toEqual(
        data.map((row) => ({ a: row.a, b: row.b ?? null })),
      );
    }
  });

  it('is read across blocks', async () => {
    const data = Array.from({ length: 30_000 }, (_, i) => ({ i, text: 'x'.repeat(50) }));
    const table = await readText('long.json', JSON.stringify(data, null, 1));
    expect(floatColumn(table, 'i')).toEqual(Float64Array.from(data, (row) => row.i));
  });

  it.each([
    ['[{"a":1},\n{"a":}]', ':2: not JSON'],
    ['[{"a":1}', ':1: not JSON: the array does not end (0 rows read)'],
    ['[{"a":1},]', 'a row was expected before "]"'],
    ['[,]', 'a row was expected before ","'],
    ['[{"a":1}] x', 'unexpected "x"'],
    ['[1]', '1 is not a row'],
    ['[]', 'holds no rows'],
    ['[{"a":1}}]', 'not JSON'],
  ])('%s is an error', async (content, message) => {
    await expect(readText('bad.json', content)).rejects.toThrow(message);
  });
});

describe('CSV and TSV', () => {
  it('infers types a column and tells an empty field from an empty text', async () => {
    const table = await readText(
      'a.csv',
      'id,n,f,b,t,zip\r\nx,1,0.5,true,"",01234\r\ny,,1e3,FALSE,,5\r\n"a ""b""\nc",3,2,,z,6\r\n',
    );
    expect(table.columns.map((item) => item.type)).toEqual([
      'string',
      'int32',
      'float64',
      'boolean',
      'string',
      'string',
    ]);
    expect(rows(table)).toEqual([
      { id: 'x', n: 1, f: 0.5, b: true, t: '', zip: '01234' },
      { id: 'y', n: null, f: 1000, b: false, t: null, zip: '5' },
      { id: 'a "b"\nc', n: 3, f: 2, b: null, t: 'z', zip: '6' },
    ]);
  });

  it('takes the spaces after commas away where the header has them, and only there', async () => {
    expect(rows(await readText('spaced.csv', 'text, score.A\n a, 0.5\nb, "c, d"\n'))).toEqual([
      { text: 'a', 'score.A': '0.5' },
      { text: 'b', 'score.A': 'c, d' },
    ]);
    expect(rows(await readText('said.csv', 'id,text\n1, said\n'))).toEqual([{ id: 1, text: ' said' }]);
  });

  it('knows semicolons by the header, and says what to do about a misplaced quote', async () => {
    expect(rows(await readText('semi.csv', 'text;n\n"a;b";0.5\n'))).toEqual([{ text: 'a;b', n: 0.5 }]);
    const misplaced = readText('quote.csv', 'id,text\n1,so "a"\n');
    await expect(misplaced).rejects.toMatchObject({ hint: expect.stringContaining('nothing but spaces before') });
  });

  it('takes spaces between a comma and a quote for none, and keeps all others', async () => {
    const quoted = 'text,said,n\n"a ""b"" , ""c",  "x,  ""y""", "1"\n  plain, said,2\n "e\n , ""f"" ", g "h", 3 \n';
    await expect(readText('inside.csv', quoted)).rejects.toThrow('inside.csv:5: not CSV');
    expect(rows(await readText('after.csv', quoted.replace(' g "h"', ' g')))).toEqual([
      { text: 'a "b" , "c', said: 'x,  "y"', n: '1' },
      { text: '  plain', said: ' said', n: '2' },
      { text: 'e\n , "f" ', said: ' g', n: ' 3 ' },
    ]);
  });

  it('knows on which line a row begins, also after fields of several lines', async () => {
    const table = await readText('lines.csv', 'text,n\n"a\nb\n",0.5\n\n"c\nd",0.2x\n');
    expect(() => floatColumn(table, 'n')).toThrow(/"0\.2x" at .*lines\.csv:6;/);
  });

  it('reads numbers in quotes as numbers', async () => {
    expect(rows(await readText('quoted.csv', '"n"\n"0.5"\n"2"\n'))).toEqual([{ n: 0.5 }, { n: 2 }]);
  });

  it('keeps integers that no number holds as text', async () => {
    expect((await readText('ids.csv', 'id\n12345678901234567890\n')).columns[0]?.type).toBe('string');
    const far = await readText('far.csv', 'x\n1\n1e999\n');
    expect(rows(far)).toEqual([{ x: '1' }, { x: '1e999' }]);
    expect(() => floatColumn(far, 'x')).toThrow('"1e999"');
  });

  it('reads tabs by extension or content', async () => {
    expect(rows(await readText('a.tsv', 'a\tb\n1\tx,y\n'))).toEqual([{ a: 1, b: 'x,y' }]);
    expect(rows(await readText('a.txt', 'a\tb\n1\tx\n'))).toEqual([{ a: 1, b: 'x' }]);
  });

  it('names the line of a row of another length', async () => {
    await expect(readText('short.csv', 'a,b\n1,2\n3\n')).rejects.toThrow(/short\.csv:3: not CSV: /);
    await expect(readText('twice.csv', 'a,a\n1,2\n')).rejects.toThrow('twice.csv:1: two columns are named "a"');
  });

  it('does not take a line for one column whose name holds all others', async () => {
    await expect(readText('bars.csv', 'id|text\n1|x\n')).rejects.toThrow(/bars\.csv:1: .*separated by `\|`/);
    await expect(readText('tabs.csv', 'id\ttext\n1\tx\n')).rejects.toThrow(/tabs\.csv:1: .*separated by tabs/);
  });
});

describe('writing', () => {
  const table = tableFromRows([
    { t: 'a,"b"\n', n: 1, f: 0.1, l: [1, 2], w: 2n ** 60n, j: [{ x: null }] },
    { t: '', n: null, f: null, l: null, w: null, j: null },
    { t: null, n: -1, f: -0.5, l: [], w: 0n, j: [] },
  ]);

  it('CSV reads back with the same texts and numbers', async () => {
    const path = join(folder, 'out.csv');
    await writeCsv(path, table);
    const back = await readTable(path);
    for (const name of ['t', 'n', 'f']) expect(column(back, name)).toEqual(column(table, name));
    expect(column(back, 'l').values).toEqual(['[1,2]', null, '[]']);
  });

  it('JSON Lines reads back equal', async () => {
    const path = join(folder, 'out.jsonl');
    await writeJsonl(path, table);
    expect((await readFile(path, 'utf8')).split('\n')[0]).toBe(
      '{"t":"a,\\"b\\"\\n","n":1,"f":0.1,"l":[1,2],"w":1152921504606846976,"j":[{"x":null}]}',
    );
    const back = await readTable(path);
    for (const name of ['t', 'n', 'f', 'l', 'j']) expect(column(back, name)).toEqual(column(table, name));
  });

  it('refuses an infinite number as text', async () => {
    const path = join(folder, 'infinite.csv');
    await expect(writeCsv(path, tableFromRows([{ a: Number.POSITIVE_INFINITY }]))).rejects.toThrow('Column "a", row 0');
    expect(existsSync(path)).toBe(false);
  });
});

const shared = join(import.meta.dirname, '../../../../shared/data/rtp/rtp-5k.jsonl');

describe.skipIf(!existsSync(shared))('RealToxicityPrompts rows (../shared/data)', () => {
  it('give dotted columns of texts and scores with nulls', async () => {
    const table = await readTable(shared);
    expect(table.rowCount).toBe(5000);
    expect(column(table, 'prompt.text').type).toBe('string');
    expect(floatColumn(table, 'prompt.toxicity').filter((value) => value >= 0.5)).toHaveLength(1249);
    expect(floatColumn(table, 'continuation.toxicity').filter(Number.isNaN).length).toBeGreaterThan(0);
  });
});
