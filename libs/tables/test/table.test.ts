import { UserError } from '@sonde/base';
import { describe, expect, it } from 'vitest';
import {
  addColumn,
  type Column,
  cell,
  column,
  concatTables,
  filterTable,
  floatColumn,
  joinTables,
  MISSING_VALUE,
  renameColumns,
  rows,
  selectColumns,
  selectRows,
  sliceRows,
  stringColumn,
  tableFromColumns,
  tableFromRows,
} from '../src/index.ts';

const people = tableFromRows([
  { id: 'a', age: 30, score: 0.5 },
  { id: 'b', age: null, score: 1 },
  { id: 'c', age: 7, score: null },
]);

describe('making a table', () => {
  it('infers whole numbers, wide numbers, floats, texts, booleans, lists and nested values', () => {
    const table = tableFromRows([
      { i: 1, w: 2 ** 40, f: 1, t: 'x', b: true, l: [1, 2], n: [{ a: 1 }] },
      { i: -2, w: 1, f: 0.5, t: '', b: false, l: [], n: [] },
    ]);
    expect(table.columns.map((item) => item.type)).toEqual([
      'int32',
      'int64',
      'float64',
      'string',
      'boolean',
      'list<int32>',
      'json',
    ]);
    expect(column(table, 'w').values).toEqual(BigInt64Array.of(2n ** 40n, 1n));
  });

  it('flattens nested objects with dots and fills what a row lacks with null', () => {
    const table = tableFromRows([{ prompt: { text: 'hi', scores: { toxicity: 0.1 } } }, { extra: 1 }]);
    expect(rows(table)).toEqual([
      { 'prompt.text': 'hi', 'prompt.scores.toxicity': 0.1, extra: null },
      { 'prompt.text': null, 'prompt.scores.toxicity': null, extra: 1 },
    ]);
  });

  it('names both places where one column holds two types', () => {
    expect(() => tableFromRows([{ a: 1 }, { a: 2 }, { a: 'n/a' }])).toThrow(
      new UserError(
        'table',
        'row 2: column "a" is "n/a" (string), but 1 (int32) at row 0; one column must hold one type.',
        MISSING_VALUE,
      ),
    );
  });

  it('refuses NaN, naming column and row', () => {
    expect(() => tableFromRows([{ a: 1 }, { a: Number.NaN }])).toThrow('row 1: column "a" is NaN');
    expect(() => tableFromColumns([{ name: 'a', type: 'float64', values: Float64Array.of(0, Number.NaN) }])).toThrow(
      'Column "a", row 1: NaN is not a value of type float64; a missing value must be null.',
    );
  });

  it('follows a schema: order, types, empty columns, unknown keys', () => {
    const schema = [
      { name: 'b', type: 'float64' },
      { name: 'a', type: 'json' },
      { name: 'c', type: 'int64' },
    ] as const;
    const table = tableFromRows([{ a: { x: 1 }, b: 2, c: 3 }, {}], schema);
    expect(rows(table)).toEqual([
      { b: 2, a: { x: 1 }, c: 3n },
      { b: null, a: null, c: null },
    ]);
    expect(() => tableFromRows([{ d: 1 }], schema)).toThrow('"d" is not a column of the schema');
    expect(() => tableFromRows([{ b: 'x' }], schema)).toThrow('Column "b", row 0: "x" is not a value of type float64.');
    expect(tableFromRows([], schema).columns.map((item) => item.name)).toEqual(['b', 'a', 'c']);
  });

  it('refuses unequal lengths and a name used twice', () => {
    const a: Column = { name: 'a', type: 'int32', values: [1] };
    expect(() => tableFromColumns([a, { ...a, name: 'b', values: [1, 2] }])).toThrow('Column "b" has 2 rows');
    expect(() => tableFromColumns([a, a])).toThrow('Two columns are named "a"');
  });

  it('keeps a column called __proto__ a column', () => {
    const row = JSON.parse('{"__proto__": 1}') as Record<string, unknown>;
    expect(Object.keys(rows(tableFromRows([row]))[0] ?? {})).toEqual(['__proto__']);
  });
});

describe('looking into a table', () => {
  it('suggests the nearest name', () => {
    expect(() => column(people, 'scroe')).toThrow(
      'There is no column "scroe"; did you mean "score"? The table has id, age, score.',
    );
  });

  it('gives floats with NaN for null, takes texts that are numbers, and refuses others with their row', () => {
    const quoted = tableFromRows([{ n: ' 0.5' }, { n: null }, { n: '1e-3' }]);
    expect(floatColumn(quoted, 'n')).toEqual(Float64Array.of(0.5, Number.NaN, 0.001));
    const missing = tableFromRows([{ n: '0.5' }, { n: 'NA' }]);
    expect(() => floatColumn(missing, 'n')).toThrow('Column "n" holds "NA" at row 1, counted from 0; a number');
    expect(floatColumn(people, 'age')).toEqual(Float64Array.of(30, Number.NaN, 7));
    expect(() => floatColumn(people, 'id')).toThrow(
      'Column "id" holds "a" at row 0, counted from 0; a number was expected.',
    );
    expect(stringColumn(people, 'id')).toEqual(['a', 'b', 'c']);
    expect(cell(people, 'age', 2)).toBe(7);
  });

  it('knows names that every object of JavaScript has', () => {
    const table = tableFromRows([{ constructor: 'a', toString: 1 }]);
    expect(renameColumns(table, { toString: 'n' }).columns.map(({ name }) => name)).toEqual(['constructor', 'n']);
  });

  it('selects, slices, renames and adds', () => {
    expect(column(selectRows(people, [2, 0, 0]), 'age').values).toEqual(Int32Array.of(7, 30, 30));
    expect(() => selectRows(people, [3])).toThrow('There is no row 3; the table has 3 rows.');
    expect(sliceRows(people, -1).rowCount).toBe(1);
    expect(selectColumns(people, ['score', 'id']).columns.map((item) => item.name)).toEqual(['score', 'id']);
    expect(renameColumns(people, { id: 'key' }).columns[0]?.name).toBe('key');
    expect(() => renameColumns(people, { id: 'age' })).toThrow('Two columns are named "age"');
    expect(addColumn(people, { name: 'm', type: 'string', values: ['x', 'x', 'x'] }).columns).toHaveLength(4);
  });
});

describe('putting tables together', () => {
  it('concatenates, widening numbers', () => {
    const more = tableFromRows([{ id: 'd', age: 1.5, score: null }]);
    const both = concatTables([people, more]);
    expect(column(both, 'age')).toEqual({ name: 'age', type: 'float64', values: [30, null, 7, 1.5] });
    expect(column(both, 'score').type).toBe('float64');
    expect(() => concatTables([people, tableFromRows([{ id: 'e' }])])).toThrow('Table 1 of 2 has no column "age"');
    expect(concatTables([people, tableFromRows([{ id: 'e' }])], { fill: true }).rowCount).toBe(4);
    expect(() => concatTables([people, tableFromRows([{ id: 'e', age: 'x', score: 1 }])])).toThrow(
      'Column "age" is string in table 1, but int32 before it.',
    );
  });

  it('joins inner, left and outer; null keys match nothing', () => {
    const right = tableFromRows([
      { id: 'a', n: 1 },
      { id: 'a', n: 2 },
      { id: null, n: 3 },
      { id: 'z', n: 4 },
    ]);
    const pairs = (how: 'inner' | 'left' | 'outer') =>
      rows(joinTables(people, right, 'id', how)).map((row) => [row.id, row.age, row.n]);
    expect(pairs('inner')).toEqual([
      ['a', 30, 1],
      ['a', 30, 2],
    ]);
    expect(pairs('left').slice(2)).toEqual([
      ['b', null, null],
      ['c', 7, null],
    ]);
    expect(pairs('outer').slice(4)).toEqual([
      [null, null, 3],
      ['z', null, 4],
    ]);
    expect(() => joinTables(people, people, 'id')).toThrow('Both tables have a column "age"');
    expect(() => joinTables(people, tableFromRows([{ id: 1.5 }]), 'id')).toThrow('string on the left and float64');
  });

  it('joins whole numbers with texts of their digits', () => {
    const [numbers, texts] = [tableFromRows([{ id: 7, a: 1 }, { id: 8 }]), tableFromRows([{ id: '7', b: 2 }])];
    expect(rows(joinTables(numbers, texts, 'id'))).toEqual([{ id: '7', a: 1, b: 2 }]);
    expect(rows(joinTables(texts, numbers, 'id', 'outer'))[1]).toMatchObject({ id: '8' });
  });

  it('joins on several columns', () => {
    const left = tableFromRows([
      { p: 'a', s: 0, x: 1 },
      { p: 'a', s: 1, x: 2 },
    ]);
    const right = tableFromRows([{ p: 'a', s: 1, y: 9 }]);
    expect(rows(joinTables(left, right, ['p', 's']))).toEqual([{ p: 'a', s: 1, x: 2, y: 9 }]);
  });
});

describe('filtering', () => {
  const ids = (...specs: Parameters<typeof filterTable>[1]) => column(filterTable(people, specs), 'id').values;

  it('keeps the rows for which every comparison holds', () => {
    expect(ids({ column: 'score', op: '>=', value: 0.5 })).toEqual(['a', 'b']);
    expect(ids({ column: 'score', op: '>=', value: 0.5 }, { column: 'age', op: '!=', value: 1 })).toEqual(['a']);
    expect(ids({ column: 'id', op: 'in', value: ['a', 'c'] })).toEqual(['a', 'c']);
    expect(ids({ column: 'id', op: 'not in', value: ['a'] })).toEqual(['b', 'c']);
    expect(ids({ column: 'age', op: 'is null' })).toEqual(['b']);
    expect(ids({ column: 'id', op: 'contains', value: 'c' })).toEqual(['c']);
    expect(ids({ column: 'age', op: '<', value: 0 })).toEqual([]);
  });

  it('says when a value does not fit the column', () => {
    expect(() => ids({ column: 'score', op: '>=', value: 'high' })).toThrow(
      '">=" on column "score" (float64) needs a number as its value; "high" was given.',
    );
    expect(() => ids({ column: 'id', op: 'in', value: 'a' })).toThrow('needs a list as its value');
    expect(() => ids({ column: 'ids', op: '==', value: 'a' })).toThrow('did you mean "id"?');
  });
});
