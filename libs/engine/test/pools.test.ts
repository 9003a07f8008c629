import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CapturedStates,
  type CaptureOptions,
  capture,
  type GenerationOptions,
  generate,
  type Model,
  openModel,
  type Pool,
} from '../src/index.ts';
import { wave } from './goldens.ts';
import {
  all,
  eos,
  expectSame,
  joined,
  keepTokens,
  nameOf,
  ofLayer,
  prompts,
  type SeenToken,
  SITES_OF_ALL,
  sampled,
  statesAt,
  TOLERANCE,
} from './seen.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const cpu = { threads: 1, device: 'cpu' } as const;

describe('a small Llama', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(await writeTiny(files.path('llama'), { eos }), cpu);
  });
  afterAll(() => model.close());
  const d = TINY.hiddenSize;

  test('attention and MLP are what a block adds to the residual stream', async () => {
    const { tokens, onToken } = keepTokens();
    await capture(model, [{ prompt: prompts[0]! }], { ...all, pool: ['tokens'] }, { onToken });
    for (const { states } of tokens) {
      const { residual_raw: stream, attention, mlp } = states;
      for (let layer = 1; layer <= TINY.layers; layer++) {
        const added = attention!
          .subarray((layer - 1) * d, layer * d)
          .map((x, i) => x + mlp![(layer - 1) * d + i]! + stream![(layer - 1) * d + i]!);
        expect(relativeError(added, stream!.subarray(layer * d, (layer + 1) * d))).toBeLessThan(1e-6);
      }
    }
  });

  test('has states of the shapes that the sites have; layer 0 is of the residual stream alone', async () => {
    const found = await capture(model, [{ prompt: prompts[0]! }], { ...all, layers: [3, 0, 1], pool: ['prompt'] });
    for (const site of ['residual', 'residual_raw'] as const) {
      expect(found[site]!.layers).toEqual([3, 0, 1]);
      expect(found[site]!.pools.prompt!.shape).toEqual([1, 3, d]);
    }
    for (const site of ['attention', 'mlp'] as const) {
      expect(found[site]!.layers).toEqual([3, 1]);
      expect(found[site]!.pools.prompt!.shape).toEqual([1, 2, d]);
    }
    expect(found.heads!.pools.prompt!.shape).toEqual([1, 2, TINY.heads, d / TINY.heads]);
    const whole = await capture(model, [{ prompt: prompts[0]! }], { ...all, pool: ['prompt'] });
    const [, one, , three] = Array.from({ length: 4 }, (_, l) => ofLayer(whole.residual!.pools.prompt!, l));
    expect(ofLayer(found.residual!.pools.prompt!, 0)).toEqual(three);
    expect(ofLayer(found.residual!.pools.prompt!, 2)).toEqual(one);
    expect(ofLayer(found.mlp!.pools.prompt!, 1)).toEqual(ofLayer(whole.mlp!.pools.prompt!, 0));
    expect(ofLayer(found.residual_raw!.pools.prompt!, 0)).not.toEqual(three);
    expect(ofLayer(found.residual_raw!.pools.prompt!, 2)).toEqual(one);
  });

  test("pools are means, the last and the greatest of the tokens' states; a template's tokens are not pooled", async () => {
    const kept = keepTokens();
    const { continuations, states } = await generate(model, prompts, { ...sampled, capture: all }, kept);
    const pooled = (tokens: readonly SeenToken[], pool: Pool): number[] =>
      SITES_OF_ALL.flatMap((site) =>
        Array.from(tokens[0]!.states[site]!, (_, i) => {
          const values = tokens.map((token) => token.states[site]![i]!);
          if (pool === 'last') return values.at(-1)!;
          return pool === 'max' ? Math.max(...values) : values.reduce((a, b) => a + b) / values.length;
        }),
      );
    const rowOf = (pool: Pool, row: number): number[] =>
      SITES_OF_ALL.flatMap((site) => {
        const { shape, data } = states![site]!.pools[pool]!;
        const size = data.length / shape[0]!;
        return Array.from(data.subarray(row * size, (row + 1) * size));
      });
    prompts.forEach(({ id }, i) => {
      const own = kept.tokens.filter(({ promptId, span }) => promptId === id && span === 'prompt');
      expect(own).toHaveLength([11, 5, 1][i]!);
      expect(relativeError(rowOf('prompt', i), pooled(own, 'prompt'))).toBeLessThan(1e-6);
    });
    continuations.forEach(({ promptId, sample, tokenIds }, row) => {
      const own = kept.tokens.filter((token) => token.promptId === promptId && token.sample === sample);
      expect(own).toHaveLength(tokenIds.length);
      for (const pool of ['continuation', 'last', 'max'] as const) {
        expect(relativeError(rowOf(pool, row), pooled(own, pool))).toBeLessThan(1e-6);
      }
    });
    const alone = await capture(model, [{ prompt: prompts[1]! }], { ...all, pool: ['last', 'max'] });
    const own = kept.tokens.filter(({ promptId, span }) => promptId === 'b' && span === 'prompt');
    for (const pool of ['last', 'max'] as const) {
      const found = SITES_OF_ALL.flatMap((site) => Array.from(alone[site]!.pools[pool]!.data));
      expect(relativeError(found, pooled(own, pool))).toBeLessThan(TOLERANCE);
    }
  });

  test('gives a prompt the same states in whatever order, alone, or in a batch of many', async () => {
    const many = Array.from({ length: 200 }, (_, i) => plain(`p${i}`, `Text number ${i}, ${'long '.repeat(i % 7)}`));
    const pools = ['prompt', 'last', 'max'] as const;
    const read = (some: typeof many) =>
      capture(
        model,
        some.map((prompt) => ({ prompt })),
        { ...all, pool: pools },
      );
    const [whole, turned] = [await read(many), await read(many.toReversed())];
    const rowsOf = (states: CapturedStates, rows: readonly number[]): CapturedStates =>
      Object.fromEntries(
        SITES_OF_ALL.map((site) => {
          const { pools: tensors, ...rest } = states[site]!;
          const picked = Object.entries(tensors).map(([pool, { shape, data }]) => {
            const size = data.length / shape[0]!;
            const chosen = rows.map((row) => data.subarray(row * size, (row + 1) * size));
            return [pool, { shape: [rows.length, ...shape.slice(1)], data: Float32Array.from(joined(chosen)) }];
          });
          return [site, { ...rest, pools: Object.fromEntries(picked) }];
        }),
      );
    const backwards = Array.from(many.keys()).toReversed();
    expectSame(rowsOf(turned, backwards), whole, pools);
    for (const i of [0, 71, 199]) expectSame(await read([many[i]!]), rowsOf(whole, [i]), pools);
    const { onToken, tokens } = keepTokens();
    const items = many.map((prompt) => ({ prompt }));
    await capture(model, items, { layers: [2], sites: ['heads'], pool: ['tokens'] }, { onToken });
    const places = many.flatMap((prompt) =>
      model.tokenizer.encode(prompt.rendered).map((_, position) => `${prompt.id} null ${position}`),
    );
    // Whichever prompt comes first, a prompt's own tokens come in their order.
    const inOrder = many.flatMap(({ id }) => tokens.filter(({ promptId }) => promptId === id).map(nameOf));
    expect(inOrder).toEqual(places);
    expect(tokens).toHaveLength(places.length);
    const alone = await statesAt(model, many[71]!, 'heads', [], [2]);
    const among = tokens.filter(({ promptId }) => promptId === 'p71').map(({ states }) => states.heads!);
    expect(relativeError(joined(among), joined(alone))).toBeLessThan(TOLERANCE);
  });

  test('gives the same whatever was asked of it before', async () => {
    const questions: (GenerationOptions & { readonly capture: CaptureOptions })[] = [
      { capture: { layers: 'all', pool: ['max'] } },
      { capture: { layers: [1, 3], pool: ['continuation'], sites: ['heads'] } },
      { capture: { ...all, pool: ['last', 'max', 'continuation', 'prompt'] } },
      { capture: { layers: 'all', pool: ['prompt'] }, interventions: [{ kind: 'bypass_mlp', layers: [1] }] },
      {
        capture: { layers: 'all', pool: ['last'], sites: ['mlp', 'residual_raw'] },
        interventions: [
          { kind: 'add', layers: [1], vectors: [wave(1, d)] },
          { kind: 'erase', layers: [0, 2], directions: [[wave(1, d)], [wave(2, d), wave(2.1, d)]] },
          { kind: 'add', site: 'heads', layers: [2], vectors: [wave(0.5, d)] },
        ],
      },
    ];
    const ask = (of: Model, question: (typeof questions)[number]) => generate(of, prompts, { ...sampled, ...question });
    const fresh = [];
    for (const question of questions) {
      const own = await openModel(model.folder, cpu);
      fresh.push(await ask(own, question));
      await own.close();
    }
    for (const order of [
      [0, 1, 2, 3, 4],
      [4, 3, 2, 1, 0],
    ]) {
      const own = await openModel(model.folder, cpu);
      for (const i of order) {
        const { continuations, states } = await ask(own, questions[i]!);
        expect(continuations.map(({ tokenIds }) => tokenIds)).toEqual(
          fresh[i]!.continuations.map(({ tokenIds }) => tokenIds),
        );
        for (const [site, { pools }] of Object.entries(states!)) {
          for (const [pool, { data }] of Object.entries(pools)) {
            const expected = fresh[i]!.states![site as 'mlp']!.pools[pool as Pool]!.data;
            expect(relativeError(data, expected), `${i} ${site} ${pool}`).toBe(0);
          }
        }
      }
      await own.close();
    }
  });
});
