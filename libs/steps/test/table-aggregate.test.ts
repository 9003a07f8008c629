import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const SCORES = [
  { model: 'b', seed: 1, emt: 0.5 },
  { model: 'a', seed: 1, emt: 0.1 },
  { model: 'b', seed: 2, emt: 0.7 },
  { model: 'a', seed: 2, emt: null },
  { model: 'b', seed: 3, emt: 0.9 },
  { model: 'a', seed: 3, emt: 0.4 },
];

const aggregated = async (records: readonly Record<string, unknown>[], config: object) => {
  const table = await tableArtifact(folder, records);
  return (await runStep('table/aggregate', folder, { table, nulls: 'skip', by: [], ...config } as never)).rows('table');
};

const ALL = ['mean', 'sd', 'min', 'max', 'median', 'sum', 'count'];

describe('table/aggregate', () => {
  it('makes a row of each group, in the order in which they first appear', async () => {
    const [b, a, ...rest] = await aggregated(SCORES, { by: ['model'], of: [{ column: 'emt', functions: ALL }] });
    expect(rest).toEqual([]);
    expect(b).toMatchObject({ model: 'b', rows: 3, 'emt.min': 0.5, 'emt.max': 0.9, 'emt.median': 0.7, 'emt.count': 3 });
    expect(b!['emt.mean']).toBeCloseTo(0.7, 15);
    expect(b!['emt.sd']).toBeCloseTo(0.2, 15);
    expect(b!['emt.sum']).toBeCloseTo(2.1, 15);
    expect(a).toMatchObject({ model: 'a', rows: 3, 'emt.mean': 0.25, 'emt.count': 2 });
    // √(2 · 0.15²)
    expect(a!['emt.sd']).toBeCloseTo(0.15 * Math.SQRT2, 15);
  });

  it('keeps what is missing, or refuses it, where asked to', async () => {
    const of = [{ column: 'emt', functions: ['mean', 'count'] }];
    const kept = await aggregated(SCORES, { by: ['model'], of, nulls: 'keep' });
    expect(kept.map((row) => row['emt.mean'])).toEqual([expect.closeTo(0.7, 15), null]);
    expect(kept.map((row) => row['emt.count'])).toEqual([3, 2]);
    await expect(aggregated(SCORES, { of, nulls: 'error' })).rejects.toThrow('Column "emt", row 3: there is no value');
  });

  it('interpolates quantiles as NumPy does', async () => {
    const records = [3, 1, 10, 2].map((x) => ({ x }));
    const [row] = await aggregated(records, { of: [{ column: 'x', functions: ['count'], quantiles: [0, 0.1, 0.75] }] });
    // numpy.quantile([3, 1, 10, 2], [0, .1, .75])
    expect(row).toEqual({ rows: 4, 'x.count': 4, 'x.q0': 1, 'x.q0.1': expect.closeTo(1.3, 14), 'x.q0.75': 4.75 });
  });

  it('takes null as a group, and says nothing of a group without values', async () => {
    const records = [
      { group: null, x: null },
      { group: 'g', x: 1 },
    ];
    expect(await aggregated(records, { by: ['group'], of: [{ column: 'x', functions: ALL }] })).toEqual([
      {
        group: null,
        rows: 1,
        'x.mean': null,
        'x.sd': null,
        'x.min': null,
        'x.max': null,
        'x.median': null,
        'x.sum': 0,
        'x.count': 0,
      },
      {
        group: 'g',
        rows: 1,
        'x.mean': 1,
        'x.sd': null,
        'x.min': 1,
        'x.max': 1,
        'x.median': 1,
        'x.sum': 1,
        'x.count': 1,
      },
    ]);
  });

  it('takes truth values as shares, and counts texts alone', async () => {
    const records = [
      { ok: true, word: 'a' },
      { ok: false, word: 'b' },
      { ok: true, word: null },
    ];
    const of = [
      { column: 'ok', functions: ['mean'] },
      { column: 'word', functions: ['count'] },
    ];
    expect(await aggregated(records, { of })).toEqual([{ rows: 3, 'ok.mean': 2 / 3, 'word.count': 2 }]);
    await expect(aggregated(records, { of: [{ column: 'word', functions: ['mean'] }] })).rejects.toThrow(
      'values of type string can be counted alone',
    );
  });

  it('does not depend on the order of rows', async () => {
    const records = Array.from({ length: 200 }, (_, i) => ({ x: Math.sin(i) * 10 ** (i % 9) }));
    const of = [{ column: 'x', functions: ['mean', 'sd'] }];
    expect(await aggregated(records.toReversed(), { of })).toEqual(await aggregated(records, { of }));
  });

  it('is refused before it runs where two columns would have one name', () => {
    const { check } = STEP_KINDS.get('table/aggregate')!;
    const config = { table: 'x', by: ['rows'], of: [{ column: 'x', functions: ['mean'] }], nulls: 'skip' };
    expect(check!(config)).toEqual([{ path: ['of'], message: 'two columns would be named `rows`' }]);
  });
});
