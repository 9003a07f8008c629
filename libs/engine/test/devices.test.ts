import type { ComputeDtype } from '@sonde/checkpoints';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  forward,
  type GenerationOptions,
  generate,
  type Model,
  openModel,
  PROVIDERS,
  tryProvider,
} from '../src/index.ts';
import { GOLDENS, goldenModel, readGolden } from './goldens.ts';
import { relativeError } from './shared.ts';
import { numbers, plain, scratch, writeTiny } from './tiny.ts';

const accelerated = PROVIDERS.filter((provider) => provider !== 'cpu');
/** What is missing for a provider on this machine; null where it works. */
const problems = new Map(await Promise.all(accelerated.map(async (name) => [name, await tryProvider(name)] as const)));

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'Some longer text')];
const vector = (seed: number): Float32Array => numbers(seed, 16, 1);
const capture = {
  layers: 'all',
  pool: ['prompt', 'continuation', 'last', 'max'],
  sites: ['residual', 'attention', 'mlp', 'heads'],
} as const;
const common: GenerationOptions = { max_new_tokens: 8, seed: 3, capture };
const settings: Readonly<Record<string, GenerationOptions>> = {
  'greedy decoding': { ...common, do_sample: false },
  sampling: { ...common, num_return_sequences: 3, top_p: 0.9, top_k: 40, temperature: 0.8, repetition_penalty: 1.2 },
  interventions: {
    ...common,
    do_sample: false,
    interventions: [
      { kind: 'bypass_mlp', layers: [0] },
      { kind: 'erase', layers: [1], directions: [[vector(1)]] },
    ],
  },
  'replaced states, a step at a time': {
    ...common,
    num_return_sequences: 2,
    interventions: [
      { kind: 'replace', layers: [0], stateOf: ({ position }) => (position % 3 === 1 ? [vector(position)] : null) },
    ],
  },
};

test('what a provider lacks is said, with where to read on', async () => {
  expect(await tryProvider('cpu')).toBeNull();
  for (const [provider, problem] of problems) {
    if (problem === null) continue;
    expect(problem).toMatch(/docs\/how-to\/use-a-gpu\.md|for Linux on x64 alone|ONNX Runtime cannot use/);
    const model = await openModel(await writeTiny(files.path(`lacking-${provider}`)), { device: provider, threads: 1 });
    await expect(forward(model, [1])).rejects.toThrow(`Device ${provider} cannot be used.`);
  }
});

/** Types of 16 bits by provider, and what rounding to one makes of states that would be 1, over the blocks of these models. */
const NARROW = { cpu: {}, cuda: { float16: 5e-3, bfloat16: 4e-2 }, webgpu: { float16: 5e-3 } } as const;

describe.each(accelerated)('%s', (provider) => {
  const works = problems.get(provider) === null;
  describe.skipIf(!works)(`gives what transformers gives (skipped where ${provider} does not open)`, () => {
    test.each(GOLDENS)('%s', async (name) => {
      const golden = readGolden(name);
      const folder = await writeTiny(files.path(`${provider}-${name}`), { model: goldenModel(golden) });
      const model = await openModel(folder, { device: provider, threads: 1 });
      const { lastResidual, logits } = await forward(model, golden.ids);
      const d = model.config.hiddenSize;
      await model.close();
      const states = golden.tokens.flatMap((t) => Array.from(lastResidual.subarray(t * d, (t + 1) * d)));
      expect(relativeError(states, golden.last_residual)).toBeLessThan(1e-4);
      expect(relativeError(logits.subarray(-golden.logits.length), golden.logits)).toBeLessThan(1e-4);
    });
  });

  describe.skipIf(!works).each(Object.entries(NARROW[provider]))(
    `computes linear layers in 16 bits (skipped where ${provider} does not open): %s`,
    (compute, bound) => {
      test.each(['llama-linear', 'gpt2', 'gemma2'])('%s, as in float32 up to rounding', async (name) => {
        const golden = readGolden(name);
        const folder = await writeTiny(files.path(`${provider}-${name}`), { model: goldenModel(golden) });
        const exact = await openModel(folder, { device: 'cpu', threads: 1 });
        const narrow = await openModel(folder, { device: provider, threads: 1, compute: compute as ComputeDtype });
        const [expected, found] = [await forward(exact, golden.ids), await forward(narrow, golden.ids)];
        const error = relativeError(found.lastResidual, expected.lastResidual);
        expect(error).toBeGreaterThan(0);
        expect(error).toBeLessThan(bound);
        await exact.close();
        await narrow.close();
      });
    },
  );
  const models = ['llama-linear', 'gpt-neox-parallel', 'gpt2', 'gemma2'];
  describe.skipIf(!works).each(models)(
    `gives what the CPU gives (skipped where ${provider} does not open): %s`,
    (name) => {
      let [onCpu, onDevice]: (Model | undefined)[] = [];
      beforeAll(async () => {
        const folder = await writeTiny(files.path(`${provider}-${name}`), { model: goldenModel(readGolden(name)) });
        onCpu = await openModel(folder, { device: 'cpu', threads: 1 });
        onDevice = await openModel(folder, { device: provider, threads: 1 });
      });
      afterAll(async () => {
        await onCpu?.close();
        await onDevice?.close();
      });

      test.each(Object.keys(settings))('%s', async (setting) => {
        const expected = await generate(onCpu!, prompts, settings[setting]!);
        const found = await generate(onDevice!, prompts, settings[setting]!);
        expect(found.continuations.map(({ tokenIds }) => tokenIds)).toEqual(
          expected.continuations.map(({ tokenIds }) => tokenIds),
        );
        for (const [i, { logprob }] of expected.continuations.entries()) {
          expect(found.continuations[i]!.logprob).toBeCloseTo(logprob, 3);
        }
        for (const [site, { pools }] of Object.entries(expected.states!)) {
          for (const [pool, { data }] of Object.entries(pools)) {
            const other = found.states![site as 'residual']!.pools[pool as 'prompt']!.data;
            expect(relativeError(other, data), `${site} ${pool}`).toBeLessThan(1e-4);
          }
        }
      });
    },
  );
});
