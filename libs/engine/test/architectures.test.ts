import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { CLASSIFIERS, LANGUAGE_MODELS } from '@sonde/networks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  capture,
  type Forward,
  forward,
  type GenerationOptions,
  generate,
  type Model,
  openModel,
} from '../src/index.ts';
import { GOLDENS, type GoldenResults, goldenModel, readGolden, writeGoldenAdapter } from './goldens.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, type TinyOptions, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const TOLERANCE = 1e-5;
const cpu = { threads: 1, device: 'cpu' } as const;

/** Writes and opens the checkpoint of a golden. */
async function open(name: string, options: TinyOptions = {}, form = 'as-is'): Promise<Model> {
  const model = goldenModel(readGolden(name));
  return openModel(await writeTiny(files.path(`${name}-${form}`), { model, ...options }), cpu);
}

function expectResults(result: Forward, golden: GoldenResults, tokens: readonly number[], count: number): void {
  const d = golden.last_residual.length / tokens.length;
  const rows = (states: Float32Array, layer: number): number[] =>
    tokens.flatMap((t) => Array.from(states.subarray((layer * count + t) * d, (layer * count + t + 1) * d)));
  for (const [layer, expected] of golden.hidden_states.entries()) {
    expect(relativeError(rows(result.hiddenStates, layer), expected)).toBeLessThan(TOLERANCE);
  }
  expect(relativeError(rows(result.lastResidual, 0), golden.last_residual)).toBeLessThan(TOLERANCE);
  expect(relativeError(result.logits.subarray(-golden.logits.length), golden.logits)).toBeLessThan(TOLERANCE);
}

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'Some longer text')];
const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
const options: GenerationOptions = { num_return_sequences: 3, max_new_tokens: 12, top_p: 0.9, seed: 5, capture: all };

describe('the architectures', () => {
  test('are those that the documentation lists, and each has a golden', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/models.md'), 'utf8');
    const listed = [...text.matchAll(/^\| `(\w+For\w+|\w+LMHeadModel)` \|/gm)].map(([, name]) => name!).sort();
    const isClassifier = (name: string): boolean => name.endsWith('ForSequenceClassification');
    const supported = Object.keys(LANGUAGE_MODELS).sort();
    expect(listed.filter((name) => !isClassifier(name))).toEqual(supported);
    expect(listed.filter(isClassifier)).toEqual(Object.keys(CLASSIFIERS).sort());
    const tried = GOLDENS.flatMap((name) => readGolden(name).config.architectures as string[]);
    expect([...new Set(tried)].sort()).toEqual(supported);
  });

  test('are verified for what the documentation says', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/models.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` \|.*\| ([^|]*) \|$/gm)].filter(([, name]) => name! in LANGUAGE_MODELS);
    const said = rows.map(([, name, words]) => [name!, words!.trim()]);
    const parts = { adapters: 'adapter', precision: 'precision', router: 'router', sites: 'inside' } as const;
    const held = said.map(([name]) => {
      const goldens = GOLDENS.map(readGolden).filter(({ config }) => (config.architectures as string[])[0] === name);
      const has = Object.entries(parts).filter(([, part]) => goldens.some((golden) => golden[part] !== undefined));
      return [name!, has.map(([word]) => word).join(', ')];
    });
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(held));
  });
});

describe.each(GOLDENS)('%s', (name) => {
  const golden = readGolden(name);
  let model: Model;
  beforeAll(async () => {
    model = await open(name);
  });
  afterAll(() => model.close());

  test('gives the states and logits of transformers', async () => {
    expectResults(await forward(model, golden.ids), golden, golden.tokens, golden.ids.length);
    const sizes = golden.weights.map(([, shape]) => shape.reduce((a, b) => a * b, 1));
    expect(model.config.parameters).toBe(sizes.reduce((a, b) => a + b));
  });

  test('captures while it generates what teacher forcing gives', async () => {
    const { continuations, states } = await generate(model, prompts, options);
    const items = continuations.map(({ promptId, tokenIds }) => ({
      prompt: prompts.find(({ id }) => id === promptId)!,
      continuation: { tokenIds },
    }));
    const forced = await capture(model, items, all);
    for (const pool of ['continuation', 'last', 'max'] as const) {
      expect(relativeError(states!.residual!.pools[pool]!.data, forced.residual!.pools[pool]!.data)).toBeLessThan(1e-5);
    }
  });

  test('generates for a prompt alone what it generates among others', async () => {
    const { continuations, states } = await generate(model, prompts, options);
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(model, [prompt], options);
      const among = continuations.slice(i * 3, i * 3 + 3);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
      const { data, shape } = states!.residual!.pools.last!;
      const size = 3 * shape[1]! * shape[2]!;
      const own = alone.states!.residual!.pools.last!.data;
      expect(relativeError(own, data.subarray(i * size, (i + 1) * size))).toBeLessThan(1e-5);
    }
  });

  if (golden.router)
    test('captures which experts the router chooses, and with what weight', async () => {
      const text = Buffer.from(golden.ids.slice(1)).toString();
      const found = new Map<number, Float32Array>();
      const captured = await capture(
        model,
        [{ prompt: plain('p', text) }],
        { layers: 'all', sites: ['router'], pool: ['tokens', 'prompt'] },
        { onToken: ({ position, states }) => found.set(position, states.router!.slice()) },
      );
      const { layers, rowShape, pools } = captured.router!;
      expect(layers.length).toBe(golden.router!.length);
      const experts = rowShape[1]!;
      const own = golden.router!.map((_, i) =>
        golden.tokens.flatMap((t) => Array.from(found.get(t)!.subarray(i * experts, (i + 1) * experts))),
      );
      for (const [i, expected] of golden.router!.entries()) expect(relativeError(own[i]!, expected)).toBeLessThan(1e-5);
      const mean = layers.flatMap((_, i) =>
        Array.from({ length: experts }, (__, e) => {
          const tokens = [...found].filter(([position]) => position > 0);
          return tokens.reduce((sum, [, states]) => sum + states[i * experts + e]!, 0) / tokens.length;
        }),
      );
      expect(relativeError(pools.prompt!.data, mean)).toBeLessThan(1e-5);
      await expect(
        capture(model, [{ prompt: plain('p', text) }], { layers: [0], sites: ['router'], pool: ['prompt'] }),
      ).rejects.toThrow(/"router" is in the layers of blocks with experts alone/);
    });

  test('quantised, generates for a prompt alone what it generates among others', async () => {
    const quantised = await openModel(model.folder, { ...cpu, quantization: 'int4' });
    const { capture: _, ...plainly } = options;
    const { continuations } = await generate(quantised, prompts, plainly);
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(quantised, [prompt], plainly);
      const among = continuations.slice(i * 3, i * 3 + 3);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
    }
    await quantised.close();
  });

  test('leaves out a bypassed block, and its attention or MLP alone', async () => {
    const states = async (...kinds: ('bypass' | 'bypass_attention' | 'bypass_mlp')[]): Promise<Float32Array> => {
      const interventions = kinds.map((kind) => ({ kind, layers: [1] }));
      return (await forward(model, golden.ids, { interventions })).hiddenStates;
    };
    const size = golden.ids.length * model.config.hiddenSize;
    const bypassed = await states('bypass');
    expect(bypassed.subarray(2 * size, 3 * size)).toEqual(bypassed.subarray(size, 2 * size));
    expect(await states('bypass_attention', 'bypass_mlp')).toEqual(bypassed);
    expect(await states('bypass_attention')).not.toEqual(bypassed);
    expect(await states('bypass_mlp')).not.toEqual(bypassed);
  });
});

describe('a LoRA adapter', () => {
  test.each(GOLDENS.filter((name) => readGolden(name).adapter))('for %s gives the results of PEFT', async (name) => {
    const golden = readGolden(name);
    const folder = await writeTiny(files.path(`${name}-adapted`), { model: goldenModel(golden) });
    const adapter = await writeGoldenAdapter(files.path(`${name}-adapter`), golden);
    const model = await openModel(folder, { ...cpu, adapter });
    expectResults(await forward(model, golden.ids), golden.adapter!, golden.tokens, golden.ids.length);
    await model.close();
  });
});

describe('a language model inside a checkpoint that looks at images too', () => {
  const forms = {
    older: (name: string) => `language_model.${name}`,
    newer: (name: string) => name.replace('model.', 'model.language_model.'),
  };

  const kinds = [
    ['gemma3', 'Gemma3ForConditionalGeneration', 'gemma3', 'gemma3_text'],
    ['gemma4-shared', 'Gemma4ForConditionalGeneration', 'gemma4', 'gemma4_text'],
    ['mistral', 'Mistral3ForConditionalGeneration', 'mistral3', undefined],
    ['ministral3', 'Mistral3ForConditionalGeneration', 'mistral3', 'ministral3'],
  ] as const;
  const cases = kinds.flatMap((kind) =>
    Object.keys(forms).map((form) => [...kind, form as keyof typeof forms] as const),
  );

  test.each(cases)('is read: %s in %s, a %s of %s, by its %s names', async (name, whole, type, ofText, form) => {
    const rename = forms[form];
    const golden = readGolden(name);
    const { config, weights } = goldenModel(golden);
    const outer = {
      architectures: [whole],
      model_type: type,
      text_config: { ...config, model_type: ofText, architectures: undefined },
      vision_config: { num_hidden_layers: 27 },
    };
    const inside = Object.entries(weights).map(([name, entry]) => [rename(name), entry] as const);
    const vision = [
      'vision_tower.encoder.layers.0.bias',
      { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) },
    ] as const;
    const model = { config: outer, weights: Object.fromEntries([...inside, vision]) };
    const opened = await openModel(await writeTiny(files.path(`images-${name}-${form}`), { model }), cpu);
    expect(opened.config.architecture).toBe((golden.config.architectures as string[])[0]);
    expectResults(await forward(opened, golden.ids), golden, golden.tokens, golden.ids.length);
    await opened.close();
  });

  test('of another class is refused by its name', async () => {
    const { config, weights } = goldenModel(readGolden('mistral'));
    const outer = {
      architectures: ['Mistral3ForConditionalGeneration'],
      text_config: { ...config, model_type: 'mamba' },
    };
    const folder = await writeTiny(files.path('images-mamba'), { model: { config: outer, weights } });
    await expect(openModel(folder, cpu)).rejects.toThrow('model_type "mamba"; supported: mistral, ministral3.');
  });
});

describe('a sliding window', () => {
  const window = 4;
  const ids = readGolden('mistral').ids;
  const changed = ids.map((id, t) => (t === 5 ? id + 1 : id));

  /** For each layer, the tokens whose states change with token 5. */
  async function reached(form: string, config: Record<string, unknown>): Promise<number[][]> {
    const model = await open('mistral', { config }, form);
    const [before, after] = [await forward(model, ids), await forward(model, changed)];
    const { layers, hiddenSize: d } = model.config;
    await model.close();
    return Array.from({ length: layers }, (_, layer) =>
      ids.flatMap((__, t) => {
        const at = ((layer * ids.length + t) * d) as number;
        const same = before.hiddenStates.subarray(at, at + d).every((x, i) => x === after.hiddenStates[at + i]);
        return same ? [] : [t];
      }),
    );
  }

  test('lets a token reach those within it, and with each layer as far again', async () => {
    const [own, first, second] = await reached('window', { sliding_window: window });
    expect(own).toEqual([5]);
    expect(first).toEqual([5, 6, 7, 8]);
    expect(second).toEqual([5, 6, 7, 8, 9, 10, 11]);
  });

  test('that is null, or wider than the text, is none', async () => {
    const rest = ids.map((_, t) => t).slice(5);
    expect((await reached('open', { sliding_window: null }))[1]).toEqual(rest);
    expect((await reached('wide', { sliding_window: 60 }))[1]).toEqual(rest);
  });

  test('slides while text is generated, over the prompt and over what is new', async () => {
    const model = await open('mistral', { config: { sliding_window: window } }, 'generating');
    const greedy = { do_sample: false, max_new_tokens: 30 };
    const [continuation] = (await generate(model, [plain('p', 'A longer beginning')], greedy)).continuations;
    const text = [...model.tokenizer.encode('A longer beginning'), ...continuation!.tokenIds];
    const { logits } = await forward(model, text);
    const { vocabSize } = model.config;
    const best = continuation!.tokenIds.map((_, i) => {
      const row = text.length - continuation!.tokenIds.length + i - 1;
      const values = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
      return values.indexOf(Math.max(...values));
    });
    expect(continuation!.tokenIds).toEqual(best);
    await model.close();
  });
});

test.each([
  ['exaone-moe', 'ExaoneMoEForCausalLM'],
  ['phimoe', 'PhiMoEForCausalLM'],
])('%s is read where a checkpoint calls its class %s, as on the hub', async (name, called) => {
  const golden = readGolden(name);
  const model = await open(name, { config: { architectures: [called] } }, 'called');
  expectResults(await forward(model, golden.ids), golden, golden.tokens, golden.ids.length);
  await model.close();
});

describe('a checkpoint of GPT-2 as the hub has it', () => {
  test('without its output head: names have no prefix, and causal masks lie among the weights', async () => {
    const golden = readGolden('gpt2');
    const change: TinyOptions['change'] = (weights) => {
      for (const [name, entry] of Object.entries(weights)) {
        weights[name.replace('transformer.', '')] = entry;
        delete weights[name];
      }
      weights['h.0.attn.bias'] = { dtype: 'F32', shape: [1, 1, 64, 64], data: new Float32Array(64 * 64) };
    };
    const [whole, bare] = [await open('gpt2', {}, 'whole'), await open('gpt2', { change }, 'bare')];
    expect((await forward(bare, golden.ids)).logits).toEqual((await forward(whole, golden.ids)).logits);
    expect(bare.config.parameters).toBe(whole.config.parameters);
    await Promise.all([whole.close(), bare.close()]);
  });
});

describe('rotary positions whose frequencies change with the length of a text', () => {
  test.each([
    ['llama-dynamic', 64],
    ['phi3-longrope', 32],
  ])('%s: texts are limited to %d tokens, within which they do not', async (name, limit) => {
    const model = await open(name, {}, 'limited');
    expect(model.config.maxPositions).toBe(limit);
    await expect(generate(model, [plain('p', 'x'.repeat(limit))], { max_new_tokens: 1 })).rejects.toThrow(
      `more than the model's context of ${limit}`,
    );
    await model.close();
  });
});

describe('a configuration that cannot be', () => {
  const message = async (name: string, config: Record<string, unknown>): Promise<string> => {
    const error = await open(name, { config }, 'bad').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  };

  test.each([
    ['gpt2', { n_head: 5 }, 'a hidden size of 16 cannot be shared by 5 heads'],
    ['gpt2', { n_positions: 128 }, '"transformer.wpe.weight" has shape [64, 16]; the configuration makes it [128, 16]'],
    [
      'gpt2',
      { n_inner: 10 },
      '"transformer.h.0.mlp.c_fc.weight" has shape [16, 64]; the configuration makes it [16, 10]',
    ],
    ['gpt2', { n_layer: 4 }, 'lack "transformer.h.3.ln_1.weight"'],
    ['gpt2', { n_layer: 2 }, 'have "transformer.h.2.ln_1.weight"'],
    ['gpt2', { add_cross_attention: true }, 'add_cross_attention is not supported'],
    ['gpt-neox-parallel', { num_attention_heads: 16 }, 'rotary positions need an even part of 1; it is 0'],
    ['gpt-neox-parallel', { attention_bias: false }, 'have "gpt_neox.layers.0.attention.query_key_value.bias"'],
    ['phi3', { num_key_value_heads: 1 }, 'qkv_proj.weight" has shape [48, 16]; the configuration makes it [32, 16]'],
    ['mistral', { sliding_window: -1 }, 'sliding_window is -1; expected a positive integer or null'],
    ['qwen3', { head_dim: undefined }, 'q_proj.weight" has shape [32, 16]; the configuration makes it [512, 16]'],
    ['olmo3', { layer_types: ['full_attention'] }, 'expected a list of 4 words, each one of full_attention, sliding'],
    ['olmo', { clip_qkv: 0 }, 'clip_qkv is 0; expected a positive number'],
    ['olmo2', { rope_parameters: { rope_type: 'spiral' } }, 'rope type "spiral" is not supported'],
    ['mixtral', { num_experts_per_tok: 9 }, 'a token cannot have 9 of 3 experts'],
    ['granite-moe', { num_experts_per_tok: 5 }, 'a token cannot have 5 of 4 experts'],
    [
      'granite-moe-hybrid',
      { layer_types: ['attention', 'mamba', 'attention'] },
      'layer 1 is "mamba"; such a layer carries a state from token to token in place of attention',
    ],
    ['granite-moe-hybrid', { layer_types: undefined }, 'layer_types is missing, which makes all layers "mamba"'],
    ['granite-swa', { layer_rope_theta: [100, 0] }, 'layer_rope_theta is [100,0]; expected a list of 3 numbers'],
    ['hunyuan-moe', { moe_topk: [1] }, 'expected a positive integer, or a list of one for each of 3 layers'],
    ['phimoe', { num_local_experts: 1 }, 'num_local_experts is 1; a token has two of them'],
    ['gemma2', { use_bidirectional_attention: true }, 'use_bidirectional_attention is not supported'],
    ['gemma4', { use_bidirectional_attention: 'all' }, 'use_bidirectional_attention is "all", which is not supported'],
    [
      'gemma4',
      { per_layer_config: { '1': { sliding_window: 3 } } },
      '1: sliding_window is not supported for layers of',
    ],
    ['gemma4', { rope_parameters: { full_attention: {} } }, 'there is nothing of sliding_attention, which the layers'],
    [
      'gemma4-shared',
      { num_kv_shared_layers: 3 },
      'leaves no layer of type full_attention whose keys and values layer 1',
    ],
    ['gemma4', { num_global_key_value_heads: 3 }, '4 attention heads cannot share 3 key–value heads'],
  ])('%s with %j: %s', async (name, config, expected) => {
    expect(await message(name, config)).toContain(expected);
  });
});
