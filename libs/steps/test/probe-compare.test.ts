import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { combineSamples, type HeldOutPredictions, sampleProbes, sharesOf } from '@sonde/probing';
import { signFlips } from '@sonde/statistics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

const PROMPTS = 80;
const FOLDS = 4;
const bootstrap = { resamples: 200, level: 0.95, method: 'percentile', seed: 0 };

/** The label of a prompt, and some error of a probe's that no two probes share. */
const label = (p: number): number => Math.sin(p * 1.7);
const error = (p: number, probe: number): number => Math.sin((p + 1) * (p + 17 * probe + 0.3));

/** Predictions of layers 0 and 1, each off by so much of its error. */
async function predictions(
  name: string,
  errors: readonly [number, number],
  { seeds = [null], probe = 0 }: { readonly seeds?: readonly (number | null)[]; readonly probe?: number } = {},
): Promise<string> {
  const lines = seeds.flatMap((seed) =>
    errors.flatMap((size, layer) =>
      Array.from({ length: PROMPTS }, (_, p) =>
        JSON.stringify({
          prompt_id: `p${p}`,
          sample: null,
          scenario: 'input',
          target: 'TOXICITY',
          layer,
          seed,
          fold: p % FOLDS,
          truth: label(p),
          prediction: label(p) + size * error(p, probe + layer),
        }),
      ),
    ),
  );
  const file = path.join(folder, `${name}.jsonl`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

type Row = Readonly<Record<string, number>>;

async function compared(config: Readonly<Record<string, unknown>>): Promise<Row[]> {
  return (await (await runStep('probe/compare', folder, { bootstrap, ...config })).rows('changes')) as unknown as Row[];
}

describe('probe/compare', () => {
  it('gives each layer and the mean of all an interval and a p', async () => {
    const rows = await compared({
      predictions: [artifact('table', await predictions('worse', [0.4, 3], { probe: 5 }), { version: 'new' })],
      reference: [artifact('table', await predictions('good', [0.4, 0.4]))],
    });
    expect(rows.map(({ layer }) => layer)).toEqual([0, 1, null]);
    const [same, worse, mean] = rows as [Row, Row, Row];
    expect(same.p).toBeGreaterThan(0.05);
    expect(worse.high).toBeLessThan(0);
    expect(worse.p_adjusted).toBeLessThan(0.001);
    expect(mean.difference).toBeCloseTo((same.difference! + worse.difference!) / 2, 12);
    expect(mean.high).toBeLessThan(0);
    expect(mean.p_adjusted).toBe(mean.p);
    for (const { p, p_adjusted: adjusted } of rows) expect(adjusted).toBeGreaterThanOrEqual(p!);
  });

  it('finds no difference, for sure, where predictions are the same', async () => {
    const file = await predictions('same', [0.4, 0.4]);
    const rows = await compared({
      predictions: [artifact('table', file, { version: 'new' })],
      reference: [artifact('table', file)],
    });
    for (const row of rows) expect(row).toMatchObject({ difference: 0, low: 0, high: 0, p: 1, p_adjusted: 1 });
  });

  it('holds a change against that of another model: a difference of differences', async () => {
    const collected = async (model: string, before: number, after: number, probe: number) => [
      artifact('table', await predictions(`${model}-0`, [0.4, before], { probe }), { adapter: 'none', model }),
      artifact('table', await predictions(`${model}-1`, [0.4, after], { probe: probe + 2 }), {
        adapter: 'some',
        model,
      }),
    ];
    const rows = await compared({
      predictions: [...(await collected('base', 0.4, 0.4, 0)), ...(await collected('rude', 0.4, 3, 9))],
      baseline: { adapter: 'none' },
      contrast: { model: 'base' },
    });
    const changes = rows.filter(({ layer }) => layer === 1) as unknown as Record<string, unknown>[];
    expect(changes.map(({ against, setting }) => [against, setting])).toEqual([
      ['reference', 'adapter=some, model=base'],
      ['reference', 'adapter=some, model=rude'],
      ['contrast', 'adapter=some, model=rude'],
    ]);
    const [base, rude, contrast] = changes as unknown as [Row, Row, Row];
    expect(contrast.value).toBeCloseTo(rude.difference!, 12);
    expect(contrast.other).toBeCloseTo(base.difference!, 12);
    expect(contrast.difference).toBeCloseTo(rude.difference! - base.difference!, 12);
    expect(contrast.high).toBeLessThan(0);
    expect(contrast.p_adjusted).toBeLessThan(0.001);
  });

  it('does not take the seeds of `paper` for more prompts', async () => {
    const [one, three] = await Promise.all(
      [[0], [0, 1, 2]].map(async (seeds) =>
        compared({
          predictions: [artifact('table', await predictions(`a${seeds}`, [1, 1], { seeds, probe: 5 }), { v: 'new' })],
          reference: [artifact('table', await predictions(`b${seeds}`, [1, 1], { seeds }))],
        }),
      ),
    );
    // Three seeds that predict the same say what one says.
    for (const [i, row] of three!.entries()) {
      expect(row.n).toBe(PROMPTS);
      for (const name of ['difference', 'low', 'high', 'p']) expect(row[name]).toBeCloseTo(one![i]![name]!, 9);
    }
  });

  it('corrects the interval for bias and skewness where it is asked to', async () => {
    const config = {
      predictions: [artifact('table', await predictions('skewed', [0.4, 0.9], { probe: 5 }), { version: 'new' })],
      reference: [artifact('table', await predictions('before', [0.4, 0.4]))],
    };
    const [plain, corrected] = [
      await compared(config),
      await compared({ ...config, bootstrap: { ...bootstrap, method: 'bca' } }),
    ];
    expect(corrected[1]!.difference).toBe(plain[1]!.difference);
    expect(corrected[1]!.low).not.toBe(plain[1]!.low);
  });
});

/** p of the mean over layers between two probes of 30 prompts, of which the second has the noise of the first but for a share. */
function simulated(seed: number, lessNoise: number): number {
  const [prompts, layers] = [30, 3];
  let state = seed * 7919;
  // mulberry32; normal by Box and Muller.
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const normals = () => Float64Array.from({ length: prompts }, normal);
  const [target, shared, ...own] = [normals(), normals(), normals(), normals()] as const;
  const groups = Array.from(target, (_, p) => `p${p}`);
  const folds = Int32Array.from(target, (_, p) => p % FOLDS);
  const held = Array.from({ length: 2 * layers }, (_, i): HeldOutPredictions => {
    const ofLayer = normals();
    const size = i % 2 === 0 ? 1 : 1 - lessNoise;
    const noise = target.map((_, p) => 0.5 * shared[p]! + 0.4 * own[i % 2]![p]! + 0.4 * ofLayer[p]!);
    return { target, predicted: target.map((value, p) => 0.6 * value + size * noise[p]!), groups, folds };
  });
  const { samples } = sampleProbes(held, () => ({ count: 0, indices: new Uint32Array(0) }));
  const mean = combineSamples(samples.map((sample, i) => ({ sample, weight: (i % 2 === 0 ? -1 : 1) / layers })));
  return signFlips([sharesOf(mean)], seed, 399).pointwise[0]!;
}

describe('p of a difference of probes', () => {
  const foundIn = (comparisons: number, lessNoise: number): number =>
    Array.from({ length: comparisons }, (_, seed) => simulated(seed, lessNoise)).filter((p) => p <= 0.05).length;

  it('is at or below 0.05 in about 5 of 100 comparisons without a difference', () => {
    // Binomial: 20 of 400 are expected, 7 to 36 in 99.9 % of such series.
    const found = foundIn(400, 0);
    expect(found).toBeGreaterThanOrEqual(7);
    expect(found).toBeLessThanOrEqual(36);
  });

  it('is so in most where one probe has 0.6 of the noise less', () => {
    expect(foundIn(100, 0.6)).toBeGreaterThan(50);
  });
});
