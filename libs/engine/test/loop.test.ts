import { type DecodingForm, PLAIN } from '@sonde/networks';
import { streamKey } from '@sonde/numerics';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { continuePrompts } from '../src/decoding/continue.ts';
import { createRowMemory } from '../src/decoding/row-cache.ts';
import type { Sequence } from '../src/decoding/sequence.ts';
import type { LoopRequest } from '../src/engine.ts';
import {
  capture as captureStates,
  type Generation,
  type GenerationOptions,
  generate,
  type Model,
  type OpenOptions,
  perplexity,
  type TokenStates,
} from '../src/index.ts';
import { planInterventions } from '../src/interventions.ts';
import { internalsOf, openModelAs } from '../src/model.ts';
import { checkDecoding } from '../src/options.ts';
import { tokenizePrompt } from '../src/prompts.ts';
import { goldenModel, readGolden } from './goldens.ts';
import { relativeError } from './shared.ts';
import { numbers, plain, scratch, writeTiny } from './tiny.ts';

const cpu = { device: 'cpu', threads: 1 } as const;
const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
const vector = (seed: number): Float32Array => numbers(seed, 16, 1);
const capture = {
  layers: 'all',
  pool: ['prompt', 'continuation', 'last', 'max'],
  sites: ['residual', 'residual_raw', 'attention', 'mlp', 'heads'],
} as const;
const sampling: GenerationOptions = { num_return_sequences: 4, max_new_tokens: 12, top_p: 0.9, seed: 5 };

const settings: Readonly<Record<string, GenerationOptions>> = {
  'sampling with states': { ...sampling, capture },
  'sampling without states': sampling,
  'greedy decoding with a penalty': { do_sample: false, max_new_tokens: 12, repetition_penalty: 1.3, capture },
  'temperature, top-k and penalty': { ...sampling, temperature: 0.7, top_k: 30, repetition_penalty: 1.2, capture },
  'a small nucleus': { ...sampling, num_return_sequences: 40, top_p: 0.05 },
  'one token': { ...sampling, max_new_tokens: 1, capture },
  'one token without states': { ...sampling, max_new_tokens: 1 },
  interventions: {
    ...sampling,
    capture,
    interventions: [
      { kind: 'bypass_attention', layers: [1] },
      { kind: 'add', layers: [0], vectors: [vector(1)] },
      { kind: 'erase', layers: [1], directions: [[vector(2), vector(3)]] },
      { kind: 'mean_ablation', site: 'mlp', layers: [0], vectors: [vector(4)] },
    ],
  },
  'replaced states': {
    ...sampling,
    capture,
    interventions: [
      { kind: 'replace', layers: [0], stateOf: ({ position }) => (position % 3 === 1 ? [vector(position)] : null) },
    ],
  },
};

/** Heads of several sizes are no site. */
function settingOf(name: string, setting: string): GenerationOptions {
  const options = settings[setting]!;
  if (!name.startsWith('gemma4') || !options.capture) return options;
  return { ...options, capture: { ...capture, sites: capture.sites.filter((site) => site !== 'heads') } };
}

function expectSame(found: Generation, expected: Generation): void {
  const texts = (all: Generation) => all.continuations.map(({ tokenIds, finish }) => [finish, ...tokenIds]);
  expect(texts(found)).toEqual(texts(expected));
  for (const [i, { logprob }] of expected.continuations.entries()) {
    expect(Math.abs(found.continuations[i]!.logprob - logprob)).toBeLessThan(1e-5 * Math.max(1, Math.abs(logprob)));
  }
  expect(Object.keys(found.states ?? {})).toEqual(Object.keys(expected.states ?? {}));
  for (const [site, { pools }] of Object.entries(expected.states ?? {})) {
    for (const [pool, { data, shape }] of Object.entries(pools)) {
      const other = found.states![site as 'residual']!.pools[pool as 'prompt']!;
      expect(other.shape).toEqual(shape);
      expect(relativeError(other.data, data), `${site} ${pool}`).toBeLessThan(1e-5);
    }
  }
}

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

/** A checkpoint of which a part of the vocabulary ends a text, opened in both forms. */
async function openBoth(name: string, more: Partial<OpenOptions> = {}): Promise<{ steps: Model; loop: Model }> {
  const eos = Array.from({ length: 16 }, (_, i) => i * 16);
  const folder = await writeTiny(files.path(name), { model: goldenModel(readGolden(name)), eos });
  const open = (form: DecodingForm) => openModelAs(folder, { ...cpu, ...more }, form);
  return { steps: await open('steps'), loop: await open('loop') };
}

describe.each([
  'llama-linear',
  'gpt-neox-parallel',
  'gpt2',
  'gemma2',
  'mistral',
  'gpt-oss',
  'deepseek-v3',
  'gpt-bigcode',
  'gemma4',
  'gemma4-shared',
])('decoding inside the graph: %s', (name) => {
  let both: { steps: Model; loop: Model };
  beforeAll(async () => {
    both = await openBoth(name);
  });
  afterAll(async () => {
    await both.steps.close();
    await both.loop.close();
  });

  test.each(Object.keys(settings))('gives what steps give: %s', async (setting) => {
    const options = settingOf(name, setting);
    const expected = await generate(both.steps, prompts, options);
    expectSame(await generate(both.loop, prompts, options), expected);
    const finishes = new Set(expected.continuations.map(({ finish }) => finish));
    if (setting.startsWith('sampling')) expect(finishes).toEqual(new Set(['eos', 'length']));
  });
});

const PRECISIONS = [
  { quantization: 'nf4' },
  { quantization: 'int8' },
  { quantization: 'int4' },
  { dtype: 'bfloat16' },
] as const;

describe.each(['gpt2', 'gpt-oss', 'deepseek-v3'])('decoding inside the graph: %s', (name) => {
  // int8 rounds inputs to steps: a last digit, as sizes that fill no vector leave it, can become a step.
  const own = PRECISIONS.filter(
    (precision) => name === 'gpt2' || !('quantization' in precision && precision.quantization === 'int8'),
  );
  test.each(own)('gives what steps give with %o', async (precision) => {
    const { steps, loop } = await openBoth(name, precision);
    const sites = name === 'gpt2' ? capture.sites : ([...capture.sites, 'router'] as const);
    const options = { ...sampling, capture: { ...capture, sites } };
    expectSame(await generate(loop, prompts, options), await generate(steps, prompts, options));
    await steps.close();
    await loop.close();
  });
});

describe('decoding inside the graph', () => {
  let both: { steps: Model; loop: Model };
  beforeAll(async () => {
    both = await openBoth('llama-linear');
  });
  afterAll(async () => {
    await both.steps.close();
    await both.loop.close();
  });

  test('changes nothing in what does not decode', async () => {
    const items = prompts.map((prompt) => ({ prompt, continuation: { tokenIds: [5, 6, 7] } }));
    const options = { layers: 'all', pool: ['prompt', 'continuation'] } as const;
    expect(await captureStates(both.loop, items, options)).toEqual(await captureStates(both.steps, items, options));
    const texts = ['Hello there', 'x y'];
    expect(await perplexity(both.loop, texts)).toEqual(await perplexity(both.steps, texts));
  });

  test('leaves the states of every token to steps', async () => {
    const read = async (model: Model): Promise<(TokenStates | number[])[]> => {
      const seen: (TokenStates | number[])[] = [];
      const onToken = ({ states, ...place }: TokenStates) => {
        seen.push({ ...place, states: {} }, Array.from(states.residual!));
      };
      await generate(model, prompts, { ...sampling, capture: { layers: [1], pool: ['tokens'] } }, { onToken });
      return seen;
    };
    expect(await read(both.loop)).toEqual(await read(both.steps));
  });

  test('takes up step by step what its numbers did not decide', async () => {
    const decoding = checkDecoding(sampling, { eosTokenIds: [], vocabSize: 258 });
    const group = prompts.map((prompt) => tokenizePrompt(both.loop, prompt));
    const sequences = (): Sequence[][] =>
      group.map((prompt) =>
        Array.from({ length: 4 }, (_, sample) => {
          const key = streamKey(decoding.seed, prompt.id);
          return { prompt, sample, row: sample, key, tokens: [], logprob: 0, finish: null, fed: 0 };
        }),
      );
    const setting = {
      plan: planInterventions([], internalsOf(both.loop).decoder),
      eos: both.loop.config.eosTokenIds,
      pools: [],
      onStates: () => undefined,
      onStep: () => undefined,
      memory: createRowMemory(),
    };
    const engine = await internalsOf(both.loop).engine(PLAIN);
    const unsure = {
      ...engine,
      async loop(request: LoopRequest) {
        const result = await engine.loop!(request);
        result.undecided.fill(1, 3, 7);
        return result;
      },
    };
    const [expected, found] = [sequences(), sequences()];
    const none = { pools: [], onStates: () => undefined };
    await continuePrompts(engine, group, expected, decoding, setting, none);
    await continuePrompts(unsure, group, found, decoding, setting, none);
    const texts = (all: Sequence[][]) => all.flat().map(({ tokens, finish }) => [finish, ...tokens]);
    expect(texts(found)).toEqual(texts(expected));
  });

  test('tells of progress for each batch, and can be ended between batches', async () => {
    const told: number[] = [];
    await generate(both.loop, prompts, sampling, { onProgress: ({ done }) => told.push(done) });
    expect([...new Set(told)]).toEqual([0, 12]);
    const controller = new AbortController();
    const many = Array.from({ length: 3 }, (_, i) => plain(`p${i}`, 'Hello'));
    const ended = generate(
      both.loop,
      many,
      { ...sampling, num_return_sequences: 400 },
      {
        signal: controller.signal,
        onProgress: ({ done }) => done > 0 && controller.abort(new Error('enough')),
      },
    );
    await expect(ended).rejects.toThrow('enough');
  });
});
