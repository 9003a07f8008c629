import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  capture,
  forward,
  type GenerationOptions,
  generate,
  type Intervention,
  type Model,
  nucleusOf,
  openModel,
  perplexity,
} from '../src/index.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
let model: Model;
/** Of the same weights; about a seventh of the vocabulary ends a text. */
let ending: Model;
beforeAll(async () => {
  files = await scratch();
  model = await openModel(await writeTiny(files.path('tiny')), { threads: 1, device: 'cpu' });
  const eos = Array.from({ length: 40 }, (_, i) => i * 6);
  ending = await openModel(await writeTiny(files.path('ending'), { eos }), { threads: 1, device: 'cpu' });
});
afterAll(async () => {
  await model.close();
  await ending.close();
  await files.remove();
});

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
const options: GenerationOptions = {
  num_return_sequences: 5,
  max_new_tokens: 20,
  top_p: 0.9,
  seed: 7,
  capture: all,
};

describe('generation', () => {
  test('gives each prompt its samples in order, with finite log-probabilities', async () => {
    const { continuations, states } = await generate(model, prompts, options);
    expect(continuations.map(({ promptId, sample }) => `${promptId}${sample}`)).toEqual(
      ['a', 'b', 'c'].flatMap((id) => [0, 1, 2, 3, 4].map((sample) => id + sample)),
    );
    expect(continuations.every(({ logprob }) => logprob < 0 && Number.isFinite(logprob))).toBe(true);
    expect(states!.residual!.pools.prompt!.shape).toEqual([3, TINY.layers + 1, TINY.hiddenSize]);
    expect(states!.residual!.pools.continuation!.shape).toEqual([15, TINY.layers + 1, TINY.hiddenSize]);
    expect(states!.residual!.layers).toEqual([0, 1, 2, 3]);
  });

  test('is the same again, with one thread or two, alone or among others', async () => {
    const first = await generate(ending, prompts, options);
    expect(await generate(ending, prompts, options)).toEqual(first);
    const two = await openModel(ending.folder, { threads: 2, device: 'cpu' });
    expect(await generate(two, prompts, options)).toEqual(first);
    await two.close();
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(ending, [prompt], options);
      const among = first.continuations.slice(i * 5, i * 5 + 5);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
      const row = first.states!.residual!.pools.prompt!.data.subarray(i * 64, i * 64 + 64);
      expect(relativeError(alone.states!.residual!.pools.prompt!.data, row)).toBeLessThan(1e-5);
    }
  });

  test('with more samples contains that with fewer; another seed draws otherwise', async () => {
    const few = await generate(model, prompts, { ...options, num_return_sequences: 2 });
    const many = await generate(model, prompts, options);
    expect(many.continuations.filter(({ sample }) => sample < 2).map(({ text }) => text)).toEqual(
      few.continuations.map(({ text }) => text),
    );
    const other = await generate(model, prompts, { ...options, seed: 8 });
    expect(other.continuations.map(({ text }) => text)).not.toEqual(many.continuations.map(({ text }) => text));
  });

  test('ends at an end-of-text token, which is among the tokens and not in the text', async () => {
    const { continuations } = await generate(ending, prompts, { ...options, num_return_sequences: 20 });
    const ended = continuations.filter(({ finish }) => finish === 'eos');
    expect(ended.length).toBeGreaterThan(20);
    for (const { tokenIds, text } of ended) {
      expect(ending.config.eosTokenIds).toContain(tokenIds.at(-1));
      expect(tokenIds.slice(0, -1).some((id) => ending.config.eosTokenIds.includes(id))).toBe(false);
      expect(text).toBe(ending.tokenizer.decode(tokenIds.slice(0, -1)));
    }
    for (const { tokenIds, finish } of continuations) if (finish === 'length') expect(tokenIds).toHaveLength(20);
  });

  test('a token beyond the vocabulary ends nothing', async () => {
    const beyond = await openModel(await writeTiny(files.path('beyond'), { eos: [6, 100_000, -1] }), {
      threads: 1,
      device: 'cpu',
    });
    expect(beyond.config.eosTokenIds).toEqual([6]);
    await beyond.close();
  });

  test('captures the states that teacher forcing gives, also where sequences end early', async () => {
    for (const each of [model, ending]) {
      const { continuations, states } = await generate(each, prompts, options);
      const items = continuations.map(({ promptId, tokenIds }) => ({
        prompt: prompts.find(({ id }) => id === promptId)!,
        continuation: { tokenIds },
      }));
      const forced = await capture(each, items, all);
      for (const pool of ['continuation', 'last', 'max'] as const) {
        expect(relativeError(states!.residual!.pools[pool]!.data, forced.residual!.pools[pool]!.data)).toBeLessThan(
          1e-5,
        );
      }
      const alone = await capture(
        each,
        prompts.map((prompt) => ({ prompt })),
        { layers: 'all', pool: ['prompt'] },
      );
      expect(relativeError(states!.residual!.pools.prompt!.data, alone.residual!.pools.prompt!.data)).toBeLessThan(
        1e-5,
      );
    }
  });

  test('sums the log-probabilities of the full distribution, whatever is cut off', async () => {
    const cut = {
      ...options,
      top_p: 0.5,
      temperature: 0.7,
      top_k: 30,
      repetition_penalty: 1.2,
      num_return_sequences: 1,
    };
    const { continuations } = await generate(model, prompts, cut);
    for (const { promptId, tokenIds, logprob } of continuations) {
      const prompt = model.tokenizer.encode(prompts.find(({ id }) => id === promptId)!.rendered);
      const { logits } = await forward(model, [...prompt, ...tokenIds]);
      const expected = tokenIds.reduce((sum, token, i) => {
        const row = logits.subarray((prompt.length - 1 + i) * TINY.vocabSize, (prompt.length + i) * TINY.vocabSize);
        return sum + Math.log(nucleusOf(row, 1, 1).probabilities[token]!);
      }, 0);
      expect(logprob).toBeCloseTo(expected, 3);
    }
  });
});

describe('the distribution of draws', () => {
  const draws = 8000;
  const first = async (change: GenerationOptions): Promise<Map<number, number>> => {
    const counts = new Map<number, number>();
    const many = { ...change, num_return_sequences: draws, max_new_tokens: 1 };
    for (const { tokenIds } of (await generate(model, [prompts[0]!], many)).continuations) {
      counts.set(tokenIds[0]!, (counts.get(tokenIds[0]!) ?? 0) + 1);
    }
    return counts;
  };
  const lastLogits = async (): Promise<Float32Array> =>
    (await forward(model, model.tokenizer.encode(prompts[0]!.rendered))).logits.subarray(-TINY.vocabSize);

  function expectFit(counts: Map<number, number>, probabilities: ArrayLike<number>, ids: readonly number[]): void {
    const mass = ids.reduce((sum, id) => sum + probabilities[id]!, 0);
    for (const id of counts.keys()) expect(ids).toContain(id);
    const statistic = ids.reduce((sum, id) => {
      const expected = (draws * probabilities[id]!) / mass;
      return sum + ((counts.get(id) ?? 0) - expected) ** 2 / expected;
    }, 0);
    const freedom = ids.length - 1;
    expect(Math.abs(statistic - freedom)).toBeLessThan(5 * Math.sqrt(2 * freedom) + 5);
  }

  test.each([
    [0.9, 1],
    [0.3, 1],
    [0.05, 1],
    [0.9, 0.6],
    [1, 1.5],
  ])('is that of the exact nucleus at top_p %d, temperature %d', async (topP, temperature) => {
    const { probabilities, nucleus } = nucleusOf(await lastLogits(), temperature, topP);
    expectFit(await first({ top_p: topP, temperature }), probabilities, nucleus);
  });

  test('with top_k is that of the k most probable tokens', async () => {
    const { probabilities } = nucleusOf(await lastLogits(), 1, 1);
    const best = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]!);
    expectFit(await first({ top_k: 10 }), probabilities, best.slice(0, 10));
  });

  test('under a repetition penalty follows transformers: logits of seen tokens are divided, or multiplied below 0', async () => {
    const seen = new Set(model.tokenizer.encode(prompts[0]!.rendered));
    const penalised = Float64Array.from(await lastLogits(), (x, id) =>
      seen.has(id) ? (x < 0 ? x * 1.5 : x / 1.5) : x,
    );
    const { probabilities, nucleus } = nucleusOf(penalised, 1, 0.95);
    expectFit(await first({ repetition_penalty: 1.5, top_p: 0.95 }), probabilities, nucleus);
  });
});

describe('interventions', () => {
  const states = async (interventions: Intervention[]): Promise<Float32Array> =>
    (await forward(model, [256, 72, 105, 33], { interventions })).hiddenStates;
  const layer = (of: Float32Array, l: number): Float32Array => of.subarray(l * 64, (l + 1) * 64);

  test('a bypassed block returns its input; those before it are untouched', async () => {
    const [plainly, bypassed] = [await states([]), await states([{ kind: 'bypass', layers: [1] }])];
    expect(layer(bypassed, 2)).toEqual(layer(bypassed, 1));
    expect(layer(bypassed, 1)).toEqual(layer(plainly, 1));
    expect(layer(bypassed, 3)).not.toEqual(layer(plainly, 3));
  });

  test('bypassing attention and MLP is bypassing the block; either alone is not', async () => {
    const both: Intervention[] = [
      { kind: 'bypass_attention', layers: [1] },
      { kind: 'bypass_mlp', layers: [1] },
    ];
    const bypassed = await states([{ kind: 'bypass', layers: [1] }]);
    expect(await states(both)).toEqual(bypassed);
    expect(await states(both.slice(0, 1))).not.toEqual(bypassed);
    expect(await states(both.slice(1))).not.toEqual(bypassed);
  });

  test('reach generation, capture and perplexity alike', async () => {
    const interventions: Intervention[] = [{ kind: 'bypass', layers: [0] }];
    const { continuations, states: captured } = await generate(model, prompts, { ...options, interventions });
    const item = { prompt: prompts[0]!, continuation: { tokenIds: continuations[0]!.tokenIds } };
    const forced = await capture(model, [item], { ...all, interventions });
    const own = captured!.residual!.pools.continuation!.data.subarray(0, 64);
    expect(relativeError(own, forced.residual!.pools.continuation!.data)).toBeLessThan(1e-5);
    const [usual, bypassed] = [
      await perplexity(model, ['Hello']),
      await perplexity(model, ['Hello'], { interventions }),
    ];
    expect(usual.tokens).toBe(5);
    expect(bypassed.nll).not.toBe(usual.nll);
  });
});

describe('a long job', () => {
  test('tells its progress and stops when asked', async () => {
    const seen: number[] = [];
    await generate(model, prompts, options, { onProgress: ({ done }) => seen.push(done) });
    expect(seen.at(-1)).toBe(15);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    const controller = new AbortController();
    const stopped = generate(model, prompts, options, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  test('of more sequences than fit in one batch gives the same samples', async () => {
    const wide = { num_return_sequences: 450, max_new_tokens: 3, top_p: 0.9, seed: 7 };
    const { continuations } = await generate(model, prompts.slice(0, 2), wide);
    expect(continuations.map(({ sample }) => sample)).toEqual([...Array(450).keys(), ...Array(450).keys()]);
    const few = await generate(model, prompts.slice(0, 2), { ...wide, num_return_sequences: 3 });
    expect(continuations[452]!.tokenIds).toEqual(few.continuations[5]!.tokenIds);
  });
});
