import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Column,
  column,
  type Json,
  readParquet,
  readParquetInfo,
  readTable,
  readTableParts,
  rows,
  sliceRows,
  type Table,
  tableFromColumns,
  writeParquet,
  writeParquetParts,
} from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-tables-'));
});
afterAll(() => rm(folder, { recursive: true }));

const every: Table = tableFromColumns([
  { name: 'text', type: 'string', values: ['a', '', null, 'zażółć 🦉'] },
  { name: 'i', type: 'int32', values: Int32Array.of(1, -2, 2147483647, -2147483648) },
  { name: 'w', type: 'int64', values: [9007199254740993n, null, -1n, 0n] },
  { name: 'f', type: 'float64', values: [0.1, null, -0, 1e300] },
  { name: 'b', type: 'boolean', values: [true, false, null, true] },
  { name: 'tokens', type: 'list<int32>', values: [[1, 2], [], null, Int32Array.of(3)] },
  { name: 'j', type: 'json', values: [{ a: [1, null] }, 'x', null, [0.5]] },
  { name: 'score.TOXICITY', type: 'float64', values: [null, null, null, null] },
]);

/** The table with list values as plain arrays, for comparison. */
function plain(table: Table) {
  return {
    rowCount: table.rowCount,
    columns: table.columns.map(({ name, type, values }) => ({
      name,
      type,
      values: Array.from<unknown>(values).map((value) => (value instanceof Int32Array ? [...value] : value)),
    })),
  };
}

describe('a written Parquet file', () => {
  it('reads back equal: every type, nulls, empty lists, empty columns', async () => {
    const path = join(folder, 'every.parquet');
    await writeParquet(path, every, { model: 'm', note: 'ü' });
    expect(plain(await readParquet(path))).toEqual(plain(every));
    expect((await readParquetInfo(path)).metadata).toEqual({ model: 'm', note: 'ü' });
    expect(plain(await readTable(path)).columns).toHaveLength(8);
  });

  it('is read by hyparquet alone with its own types', async () => {
    const path = join(folder, 'alone.parquet');
    await writeParquet(path, every);
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(read[0]).toMatchObject({ text: 'a', w: 9007199254740993n, tokens: [1, 2], j: '{"a":[1,null]}' });
    expect(read[2]?.text ?? read[2]?.tokens ?? null).toBeNull();
  });

  it('has the same bytes for typed arrays and plain arrays, and on every write', async () => {
    const values = Array.from({ length: 5000 }, (_, i) => Math.sin(i));
    const as = (values: Column['values']) => tableFromColumns([{ name: 'f', type: 'float64', values } as Column]);
    await writeParquet(join(folder, '1.parquet'), as(values as number[]), { b: '2', a: '1' });
    await writeParquet(join(folder, '2.parquet'), as(Float64Array.from(values)), { a: '1', b: '2' });
    const [first, second] = await Promise.all([1, 2].map((n) => readFile(join(folder, `${n}.parquet`))));
    expect(first?.equals(second as Buffer)).toBe(true);
  });

  it('keeps lists whole across pages and row groups', async () => {
    const lists = Array.from({ length: 1500 }, (_, i) => Array.from({ length: (i * 7) % 400 }, (_, k) => i * 1000 + k));
    const path = join(folder, 'lists.parquet');
    await writeParquet(path, tableFromColumns([{ name: 'l', type: 'list<int32>', values: lists }]));
    expect(column(await readParquet(path), 'l').values).toEqual(lists);
  });

  it('may have no rows', async () => {
    const path = join(folder, 'none.parquet');
    await writeParquet(path, tableFromColumns([{ name: 'a', type: 'list<int32>', values: [] }]));
    expect(await readParquet(path)).toEqual({ columns: [{ name: 'a', type: 'list<int32>', values: [] }], rowCount: 0 });
  });

  it('is not begun for a NaN', async () => {
    const path = join(folder, 'nan.parquet');
    const table: Table = {
      columns: [{ name: 'f', type: 'float64', values: Float64Array.of(1, Number.NaN) }],
      rowCount: 2,
    };
    await expect(writeParquet(path, table)).rejects.toThrow('Column "f", row 1: NaN');
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  it('holds any value of its types', async () => {
    const path = join(folder, 'any.parquet');
    const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const nullable = <T>(arbitrary: fc.Arbitrary<T>) =>
      fc.array(fc.option(arbitrary), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        nullable(fc.string({ unit: 'grapheme' })),
        nullable(fc.double({ noNaN: true })),
        nullable(fc.array(int32)),
        nullable(fc.jsonValue()),
        async (text, f, l, j) => {
          const table = tableFromColumns([
            { name: 't', type: 'string', values: text },
            { name: 'f', type: 'float64', values: f },
            { name: 'l', type: 'list<int32>', values: l },
            { name: 'j', type: 'json', values: JSON.parse(JSON.stringify(j)) as Json[] },
          ]);
          await writeParquet(path, table);
          expect(plain(await readParquet(path))).toEqual(plain(table));
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });
});

describe('a Parquet file of another writer (pyarrow)', () => {
  it('keeps every digit of integers, times and decimals, however its columns are compressed', async () => {
    const table = await readTable(join(import.meta.dirname, 'exact.parquet'));
    const none = { hash: null, count: null, micro: null, nano: null, clock: null, price: null };
    expect(rows(table)).toEqual([
      {
        hash: '18446744073709551615',
        count: 2n ** 40n,
        micro: '2024-01-01T01:02:03.456789',
        nano: '2024-01-01T01:02:03.456789012',
        clock: '12:30:00.000007',
        price: 0.57,
      },
      none,
      {
        hash: '5',
        count: 5n,
        micro: '1969-12-31T23:59:59.999999',
        nano: '1970-01-01T00:00:00.000000000',
        clock: '00:00:00.000000',
        price: -1.1,
      },
    ]);
  });

  it('gives a time a zone where the file does', async () => {
    const table = await readTable(join(import.meta.dirname, 'times.parquet'));
    expect(rows(table)).toEqual([
      {
        naive: '2026-11-27T12:00:00.000000',
        utc: '2026-11-27T12:00:00.000Z',
        oslo: '2026-11-27T12:00:00.000000Z',
        all: ['2026-11-27T12:00:00.000000'],
      },
    ]);
  });

  it('keeps what lists, maps and structs hold as columns keep it', async () => {
    const table = await readTable(join(import.meta.dirname, 'nested.parquet'));
    const { 'runs.at': at, 'runs.by': by, words, ...rest } = rows(table)[0]!;
    expect(rest).toEqual({ shares: [0.3, 0.7], clocks: ['01:02:03.000000'], long: 0.30000000000000004 });
    expect(JSON.stringify([words, at, by])).toBe('[{"a":1,"__proto__":2},["2026-11-27"],{"x":0.3}]');
    expect(rows(table)[1]).toEqual({
      shares: null,
      clocks: [],
      words: {},
      'runs.at': null,
      'runs.by': null,
      long: -0.1,
    });
  });

  it.each([
    ['far', 'column "far" holds a time beyond the years ±275760.'],
    ['day', 'column "day" holds a time beyond the years ±275760.'],
    ['money', 'column "money" holds the decimal 12345678901234567890.12, beyond ±(2^53 − 1)'],
    ['inf', 'column "inf" holds Infinity in a list or map'],
    ['twice', 'column "twice" holds a map with the key "a" twice.'],
    ['json', 'column "json" is declared to hold JSON, but holds'],
    ['wide', 'column "wide" holds JSON with a number that no float holds'],
    ['fixed', 'column "fixed" is of Parquet type FIXED_LEN_BYTE_ARRAY'],
  ])('with %s, which no column holds as it is, is refused by name where that is read', async (name, said) => {
    const file = join(import.meta.dirname, 'refused.parquet');
    await expect(readTable(file, { columns: [name] })).rejects.toThrow(
      `refused.parquet cannot be read as Parquet: ${said}`,
    );
    expect(rows(await readTable(file, { columns: ['text'] }))).toEqual([{ text: 'as ever' }]);
  });

  it('is read beside a column of bytes, which is refused by name', async () => {
    const file = join(import.meta.dirname, 'bytes.parquet');
    await expect(readTable(file)).rejects.toThrow(
      'bytes.parquet cannot be read as Parquet: column "image" holds bytes',
    );
    expect(rows(await readTable(file, { columns: ['text'] }))).toEqual([{ text: 'a' }, { text: 'b' }]);
  });

  it('gives dotted columns, ISO times, numbers, lists and null for NaN', async () => {
    const table = await readTable(join(import.meta.dirname, 'foreign.parquet'));
    expect(table.columns.map((item) => [item.name, item.type])).toEqual([
      ['id', 'int64'],
      ['small', 'int32'],
      ['unsigned', 'int64'],
      ['text', 'string'],
      ['category', 'string'],
      ['half', 'float64'],
      ['price', 'float64'],
      ['day', 'string'],
      ['time', 'string'],
      ['flag', 'boolean'],
      ['tokens', 'list<int32>'],
      ['holes', 'json'],
      ['words', 'json'],
      ['prompt.text', 'string'],
      ['prompt.scores.toxicity', 'float64'],
      ['people', 'json'],
    ]);
    expect(rows(table)).toEqual([
      {
        id: 1n,
        small: 1,
        unsigned: 4294967295n,
        text: 'a',
        category: 'x',
        half: 0.5,
        price: 1.25,
        day: '2026-11-23',
        time: '2026-11-23T04:30:00.000000',
        flag: true,
        tokens: [1, 2, 3],
        holes: [1, null],
        words: ['a', 'b'],
        'prompt.text': 'hi',
        'prompt.scores.toxicity': 0.25,
        people: [{ name: 'a', n: 1 }],
      },
      {
        id: 2n,
        small: -2,
        unsigned: 0n,
        text: '',
        category: 'y',
        half: null,
        price: null,
        day: null,
        time: null,
        flag: null,
        tokens: [],
        holes: [],
        words: null,
        'prompt.text': null,
        'prompt.scores.toxicity': null,
        people: [],
      },
      {
        id: null,
        small: 3,
        unsigned: null,
        text: null,
        category: 'x',
        half: null,
        price: -3.5,
        day: '1969-12-31',
        time: '2000-01-01T00:00:00.000000',
        flag: false,
        tokens: null,
        holes: null,
        words: [],
        'prompt.text': null,
        'prompt.scores.toxicity': null,
        people: null,
      },
    ]);
  });

  it('whose ids are an index of pandas that is no column is refused', async () => {
    const path = join(folder, 'index.parquet');
    const note = (name: string) =>
      `{"index_columns": [{"kind": "range", "name": ${name}, "start": 0, "stop": 2, "step": 1}], "columns": []}`;
    const table = tableFromColumns([{ name: 'text', type: 'string', values: ['a', 'b'] }]);
    await writeParquet(path, table, { pandas: note('null') });
    expect((await readTable(path)).rowCount).toBe(2);
    await writeParquet(path, table, { pandas: note('"prompt_id"') });
    await expect(readTable(path)).rejects.toThrow(/index\.parquet has the index "prompt_id" of pandas/);
  });

  it('that is cut short is an error in one sentence', async () => {
    const path = join(folder, 'cut.parquet');
    await writeFile(path, await readFile(join(import.meta.dirname, 'foreign.parquet')));
    await truncate(path, 500);
    await expect(readTable(path)).rejects.toThrow(/cut\.parquet cannot be read as Parquet: .+; the file is damaged\.$/);
    await writeFile(path, 'PAR1');
    await expect(readTable(path)).rejects.toThrow(/cut\.parquet cannot be read as Parquet/);
  });
});

describe('a table of many row groups', () => {
  const count = 40_000;
  const long: Table = tableFromColumns([
    { name: 'id', type: 'string', values: Array.from({ length: count }, (_, i) => `row ${i}`) },
    { name: 'n', type: 'int32', values: Array.from({ length: count }, (_, i) => (i % 7 === 0 ? null : i)) },
    { name: 'tokens', type: 'list<int32>', values: Array.from({ length: count }, (_, i) => [i, -i]) },
  ]);
  const parts = (size: number): Table[] =>
    Array.from({ length: Math.ceil(count / size) }, (_, i) => sliceRows(long, i * size, (i + 1) * size));

  it('has the same bytes written whole or in parts of any size', async () => {
    await writeParquet(join(folder, 'whole.parquet'), long);
    for (const size of [777, 39_999]) {
      const path = join(folder, `parts-${size}.parquet`);
      await writeParquetParts(path, async (append) => {
        for (const part of parts(size)) await append(part);
      });
      expect((await readFile(path)).equals(await readFile(join(folder, 'whole.parquet')))).toBe(true);
    }
  });

  it('is read in parts, of some columns and rows alone', async () => {
    const path = join(folder, 'whole.parquet');
    await writeParquet(path, long);
    const read: Table[] = [];
    for await (const part of readTableParts(path, { columns: ['n'], optional: ['id', 'no such'], rows: [999, 18_000] }))
      read.push(part);
    expect(read.map(({ rowCount }) => rowCount)).toEqual([1, 16_384, 616]);
    expect(read.flatMap(rows)).toEqual(rows(sliceRows(long, 999, 18_000)).map(({ id, n }) => ({ id, n })));
    await expect(readTableParts(path, { columns: ['m'] }).next()).rejects.toThrow(/no column "m"; did you mean "n"/);
    const none: Table[] = [];
    for await (const part of readTableParts(path, { rows: [0, 0] })) none.push(part);
    expect(none.map(({ columns, rowCount }) => [columns.length, rowCount])).toEqual([[3, 0]]);
  });

  it('is not there where writing failed, nor anything of it', async () => {
    const path = join(folder, 'failed.parquet');
    const other = tableFromColumns([{ name: 'id', type: 'int32', values: [1] }]);
    const writing = writeParquetParts(path, async (append) => {
      await append(long);
      await append(other);
    });
    await expect(writing).rejects.toThrow(/columns id \(int32\) cannot follow rows with id \(string\), n/);
    expect((await readdir(folder)).filter((name) => name.startsWith('failed'))).toEqual([]);
  });
});
