import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { branchesOf, sharePrompts } from '../src/capture/branches.ts';
import { type Row, rowsOf } from '../src/capture/rows.ts';
import { type CaptureItem, capture, type Model, openModel } from '../src/index.ts';
import { internalsOf } from '../src/model.ts';
import { checkCapture } from '../src/options.ts';
import { goldenModel, readGolden } from './goldens.ts';
import { all, expectSameTokens, keepTokens, nameOf, SITES_OF_ALL } from './seen.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const prompts = [
  plain('a', 'Hello, who is there?'),
  plain('b', 'Once upon a time'),
  plain('c', 'A much longer one, here.'),
];

/** Continuations of one to twenty tokens, more of the first prompt than of the others. */
const items: CaptureItem[] = prompts.flatMap((prompt, p) =>
  Array.from({ length: [9, 3, 1][p]! }, (_, sample) => {
    const length = 1 + ((7 * sample + 5 * p) % 20);
    return { prompt, sample, continuation: { tokenIds: Array.from({ length }, (__, t) => (11 * t + sample) % 250) } };
  }),
);

// A window, learned positions, slopes, a cache of latents, experts, heads of several sizes, caches that blocks share.
describe.each(['mistral', 'gpt2', 'bloom', 'deepseek-v2', 'mixtral', 'gemma4', 'gemma4-shared'])('%s', (name) => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(await writeTiny(files.path(name), { model: goldenModel(readGolden(name)) }), {
      threads: 1,
      device: 'cpu',
    });
  });
  afterAll(() => model.close());

  test('gives continuations that share a prompt the states that each has alone', async () => {
    const [among, alone] = [keepTokens(), keepTokens()];
    const sites = SITES_OF_ALL.filter((site) => site !== 'heads' || !name.startsWith('gemma4'));
    const options = { ...all, layers: 'all', sites } as const;
    const found = await capture(model, items, options, among);
    const pools = ['continuation', 'last', 'max'] as const;
    for (const [i, item] of items.entries()) {
      const own = await capture(model, [item], options, alone);
      for (const pool of pools) {
        const { data, shape } = found.residual!.pools[pool]!;
        const size = data.length / shape[0]!;
        expect(relativeError(data.subarray(i * size, (i + 1) * size), own.residual!.pools[pool]!.data)).toBeLessThan(
          1e-5,
        );
      }
    }
    // A prompt's own tokens come once with all of its continuations, and each time where these are alone.
    const seen = new Set<string>();
    const once = alone.tokens.filter((token) => !seen.has(nameOf(token)) && seen.add(nameOf(token)));
    expectSameTokens(among.tokens, once);
  });

  test('reads the prompts of several continuations once', () => {
    const wanted = checkCapture({ layers: 'all', pool: ['continuation'] }, internalsOf(model).decoder.sizes, undefined);
    const { shared, alone } = sharePrompts(rowsOf(model, items, wanted, true));
    expect(shared.map(({ row, rows }) => [row.id, rows.length])).toEqual([
      ['a', 9],
      ['b', 3],
    ]);
    expect(alone.map(({ id }) => id)).toEqual(['c']);
    const runs = branchesOf(shared, 2048);
    const read = runs.flatMap((run) => run.prompts.flatMap(({ rows }) => rows.map(({ place }) => place)));
    expect(read.toSorted((a, b) => a - b)).toEqual([...items.keys()].slice(0, 12));
    for (const run of branchesOf(shared, 40))
      expect(run.prompts.length * run.samples * run.tokens).toBeLessThanOrEqual(40);
  });
});

// What is read together decides the last bits of states: who changes it raises the revision of `activations/capture`.
test('reads together what it read together before', () => {
  const rows: Row[] = [];
  for (let p = 0; p < 60; p++) {
    const promptTokens = 1 + ((p * 37) % 90);
    for (let sample = 0; sample <= (p * 7) % 26; sample++) {
      const ids = new Array<number>(promptTokens + ((p * 5 + sample * 11) % 24)).fill(1);
      const prompt = { id: `${p}`, ids: ids.slice(0, promptTokens), span: () => null };
      const tail = [promptTokens, ids.length] as const;
      const promptRow = sample === 0 ? p : null;
      rows.push({ place: rows.length, id: prompt.id, ids, sample, prompt, promptTokens, promptRow, own: null, tail });
    }
  }
  const { shared, alone } = sharePrompts(rows);
  const placesOf = (some: readonly Row[]): number[] => some.map(({ place }) => place);
  const plan = [64, 400, 2048].map((limit) =>
    branchesOf(shared, limit).map(({ prompts: of, samples, tokens }) => [
      samples,
      tokens,
      of.map(({ prompt, rows: items }) => [prompt, placesOf(items)]),
    ]),
  );
  const digest = createHash('sha256')
    .update(JSON.stringify([placesOf(alone), plan]))
    .digest('hex');
  expect(digest.slice(0, 16)).toBe('843536516901eb2e');
});
