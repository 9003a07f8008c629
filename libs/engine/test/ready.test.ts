import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capture, forward, generate, type Model, openModel, perplexity } from '../src/index.ts';
import { tinyOf, writeReady } from './ready-graph.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

const STYLES = ['plain', 'counted', 'fused'] as const;
let files: Awaited<ReturnType<typeof scratch>>;
/** The same weights as safetensors, through the graph built here. */
const owns: Record<string, Model> = {};
const ready: Record<string, Model> = {};
/** About a seventh of the vocabulary ends a text, so that sequences end at different times. */
const eos = Array.from({ length: 40 }, (_, i) => i * 6);
const open = (folder: string) => openModel(folder, { threads: 1, device: 'cpu' });
beforeAll(async () => {
  files = await scratch();
  for (const style of STYLES) {
    owns[style] = await open(await writeTiny(files.path(`own-${style}`), tinyOf(style, { eos })));
    ready[style] = await open(await writeReady(files.path(style), { style, tiny: { eos } }));
  }
});
afterAll(async () => {
  for (const model of [...Object.values(owns), ...Object.values(ready)]) await model.close();
  await files.remove();
});

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
const options = { num_return_sequences: 5, max_new_tokens: 20, top_p: 0.9, seed: 7, capture: all };
const ids = [256, 72, 105, 33, 10, 200];

describe.each(STYLES)('a ready graph (%s)', (style) => {
  test('is described as the checkpoint of the same weights is', () => {
    const { parameters: _, ...config } = ready[style]!.config;
    expect(owns[style]!.config).toMatchObject(config);
  });

  test('gives the states of every layer and the logits that our own graph of its weights gives', async () => {
    const [expected, found] = [await forward(owns[style]!, ids), await forward(ready[style]!, ids)];
    for (const part of ['hiddenStates', 'lastResidual', 'logits'] as const) {
      expect(relativeError(found[part], expected[part])).toBeLessThan(2e-6);
    }
  });

  test.each([
    {},
    { do_sample: false, num_return_sequences: 1 },
    { temperature: 0.7, top_k: 30, repetition_penalty: 1.2 },
  ])('continues prompts with the same tokens, states and log-probabilities as our own graph: %j', async (change) => {
    const expected = await generate(owns[style]!, prompts, { ...options, ...change });
    const found = await generate(ready[style]!, prompts, { ...options, ...change });
    expect(found.continuations.map(({ tokenIds }) => tokenIds)).toEqual(
      expected.continuations.map(({ tokenIds }) => tokenIds),
    );
    expect(new Set(found.continuations.map(({ tokenIds }) => tokenIds.length)).size).toBeGreaterThan(1);
    found.continuations.forEach(({ logprob }, i) => {
      expect(logprob).toBeCloseTo(expected.continuations[i]!.logprob, 3);
    });
    for (const pool of all.pool) {
      expect(
        relativeError(found.states!.residual!.pools[pool]!.data, expected.states!.residual!.pools[pool]!.data),
      ).toBeLessThan(1e-5);
    }
  });

  test('draws the same for a prompt alone or among others, with one thread or two', async () => {
    const first = await generate(ready[style]!, prompts, options);
    expect(await generate(ready[style]!, prompts, options)).toEqual(first);
    const two = await openModel(ready[style]!.folder, { threads: 2, device: 'cpu' });
    expect((await generate(two, prompts, options)).continuations).toEqual(first.continuations);
    await two.close();
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(ready[style]!, [prompt], options);
      const among = first.continuations.slice(i * 5, i * 5 + 5);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
    }
  });

  test('captures by teacher forcing what it captured while generating', async () => {
    const { continuations, states } = await generate(ready[style]!, prompts, options);
    const items = continuations.map(({ promptId, tokenIds }) => ({
      prompt: prompts.find(({ id }) => id === promptId)!,
      continuation: { tokenIds },
    }));
    const forced = await capture(ready[style]!, items, all);
    for (const pool of ['continuation', 'last', 'max'] as const) {
      expect(relativeError(states!.residual!.pools[pool]!.data, forced.residual!.pools[pool]!.data)).toBeLessThan(1e-5);
    }
  });

  test.each(['bypass', 'bypass_attention', 'bypass_mlp'] as const)(
    '%s does what it does in our own graph',
    async (kind) => {
      const interventions = [{ kind, layers: [0, 2] }];
      const [expected, found] = [
        await forward(owns[style]!, ids, { interventions }),
        await forward(ready[style]!, ids, { interventions }),
      ];
      expect(relativeError(found.hiddenStates, expected.hiddenStates)).toBeLessThan(2e-6);
      expect(relativeError(found.logits, expected.logits)).toBeLessThan(2e-6);
      const size = ids.length * TINY.hiddenSize;
      if (kind === 'bypass')
        expect(found.hiddenStates.slice(size, 2 * size)).toEqual(found.hiddenStates.slice(0, size));
      const usual = await perplexity(ready[style]!, ['Hello']);
      expect((await perplexity(ready[style]!, ['Hello'], { interventions })).nll).not.toBe(usual.nll);
    },
  );
});
