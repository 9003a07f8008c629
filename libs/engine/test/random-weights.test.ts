import { initialWeights } from '@sonde/networks';
import type { TensorEntry } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forward, generate, type OpenOptions, openModel } from '../src/index.ts';
import { internalsOf } from '../src/model.ts';
import { numbers, plain, scratch, TINY, type TinyModel, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
let folder: string;
beforeAll(async () => {
  files = await scratch();
  folder = await writeTiny(files.path('tiny'), { config: { initializer_range: 0.1, pad_token_id: 7 } });
});
afterAll(() => files.remove());

const IDS = [256, ...Buffer.from('A stone, a bird')];
const open = (at: string, options: Partial<OpenOptions> = {}) =>
  openModel(at, { threads: 1, device: 'cpu', ...options });

async function logitsOf(at: string, options: Partial<OpenOptions>): Promise<Float32Array> {
  const model = await open(at, options);
  const { logits } = await forward(model, IDS);
  await model.close();
  return logits;
}

/** All numbers of some weights. */
async function drawn(at: string, seed: number, ...names: string[]): Promise<Float32Array[]> {
  const model = await open(at, { randomWeights: { seed } });
  const { weights } = internalsOf(model).checkpoint;
  const found = await Promise.all(
    names.map(async (name) => {
      const { packed, info } = weights.get(name)!;
      return (await packed!.open())(0, info.shape[0]!);
    }),
  );
  await model.close();
  return found;
}

describe('a model of random weights', () => {
  test('has the shape of the checkpoint, and another mind', async () => {
    const [own, random] = [await open(folder), await open(folder, { randomWeights: { seed: 0 } })];
    expect(random.config).toEqual(own.config);
    const [a, b] = [await forward(own, IDS), await forward(random, IDS)];
    expect(b.hiddenStates.length).toBe(a.hiddenStates.length);
    expect(b.logits).not.toEqual(a.logits);
    const prompts = [plain('a', 'Hello')];
    const { continuations } = await generate(random, prompts, { num_return_sequences: 2, max_new_tokens: 5, seed: 1 });
    expect(continuations).toHaveLength(2);
    await own.close();
    await random.close();
  });

  test('is the same for the same seed and differs for another', async () => {
    const first = await logitsOf(folder, { randomWeights: { seed: 3 } });
    expect(await logitsOf(folder, { randomWeights: { seed: 3 } })).toEqual(first);
    expect(await logitsOf(folder, { randomWeights: { seed: 4 } })).not.toEqual(first);
  });

  test('begins as its class does: normal matrices, norms 1, a padding token of 0', async () => {
    const [table, product, norm] = await drawn(
      folder,
      0,
      'model.embed_tokens.weight',
      'model.layers.1.mlp.up_proj.weight',
      'model.norm.weight',
    );
    const { hiddenSize: d } = TINY;
    expect(new Set(norm)).toEqual(new Set([1]));
    expect(new Set(table!.subarray(7 * d, 8 * d))).toEqual(new Set([0]));
    for (const values of [table!, product!]) {
      const sd = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
      // Five standard errors.
      expect(Math.abs(sd / 0.1 - 1)).toBeLessThan(5 / Math.sqrt(2 * values.length) + 1 / TINY.vocabSize);
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan((5 * 0.1) / Math.sqrt(values.length));
    }
  });

  test('draws each weight by its name, whatever else the checkpoint holds', async () => {
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const deeper = await writeTiny(files.path('without-head'), {
      config: { initializer_range: 0.1, tie_word_embeddings: true },
      change: (weights) => delete weights['lm_head.weight'],
    });
    expect(await drawn(deeper, 0, name)).toEqual(await drawn(folder, 0, name));
    const [first, second] = await drawn(folder, 0, name, 'model.layers.1.self_attn.q_proj.weight');
    expect(second).not.toEqual(first);
  });

  test('can be quantised, and refuses an adapter', async () => {
    const whole = await logitsOf(folder, { randomWeights: { seed: 0 } });
    expect(await logitsOf(folder, { randomWeights: { seed: 0 }, quantization: 'nf4' })).not.toEqual(whole);
    await expect(open(folder, { randomWeights: { seed: 0 }, adapter: folder })).rejects.toThrow(
      'cannot go with random ones',
    );
  });
});

describe('how transformers begins a class', () => {
  const small = { initializer_range: 0.1 };
  const normal = (standardDeviation: number) => ({ standardDeviation, zeroRow: null });
  test.each([
    ['LlamaForCausalLM', small, 'model.norm.weight', [8], { fill: 1 }],
    ['LlamaForCausalLM', {}, 'lm_head.weight', [9, 8], normal(0.02)],
    ['LlamaForCausalLM', small, 'model.layers.0.self_attn.q_proj.bias', [8], { fill: 0 }],
    ['GemmaForCausalLM', small, 'model.norm.weight', [8], { fill: 0 }],
    ['CohereForCausalLM', small, 'model.layers.0.self_attn.q_norm.weight', [4, 2], { fill: 1 }],
    ['GPT2LMHeadModel', small, 'transformer.h.0.mlp.c_proj.weight', [32, 8], normal(0.1 / Math.sqrt(4))],
    ['GPT2LMHeadModel', { pad_token_id: 3 }, 'transformer.wte.weight', [9, 8], normal(0.02)],
    [
      'OPTForCausalLM',
      { init_std: 0.3, pad_token_id: 1 },
      'model.decoder.embed_tokens.weight',
      [9, 8],
      { standardDeviation: 0.3, zeroRow: 1 },
    ],
    ['Starcoder2ForCausalLM', {}, 'lm_head.weight', [9, 8], normal(0.018042)],
    ['GptOssForCausalLM', small, 'model.layers.0.self_attn.sinks', [4], normal(0.1)],
    ['GptOssForCausalLM', small, 'model.layers.0.mlp.experts.down_proj_bias', [3, 8], { fill: 0 }],
    ['GraniteSWAForCausalLM', small, 'model.layers.0.self_attn.sinks', [4], { fill: 0 }],
    ['VaultGemmaForCausalLM', small, 'model.norm.weight', [8], { fill: 0 }],
    ['NanoChatForCausalLM', small, 'model.layers.0.self_attn.o_proj.weight', [8, 8], normal(0.1 / Math.sqrt(4))],
    ['ApertusForCausalLM', small, 'model.layers.0.mlp.act_fn.beta', [], { fill: 0.5 }],
    ['ApertusForCausalLM', small, 'model.layers.0.mlp.act_fn.alpha_p', [1], { fill: Math.log(Math.expm1(0.8)) }],
  ])('%s %o: %s', (architecture, config, name, shape, expected) => {
    expect(initialWeights(architecture, config, 2)(name, shape)).toEqual(expected);
  });
});

/** A mixture whose experts are stacked in one tensor. */
function stackedExperts(): TinyModel {
  const { hiddenSize: d, intermediateSize: f, vocabSize, heads, keyValueHeads } = TINY;
  const size = d / heads;
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocabSize, d],
    'model.norm.weight': [d],
    'model.layers.0.input_layernorm.weight': [d],
    'model.layers.0.post_attention_layernorm.weight': [d],
    'model.layers.0.self_attn.sinks': [heads],
    'model.layers.0.mlp.router.weight': [3, d],
    'model.layers.0.mlp.router.bias': [3],
    'model.layers.0.mlp.experts.gate_up_proj': [3, d, 2 * f],
    'model.layers.0.mlp.experts.gate_up_proj_bias': [3, 2 * f],
    'model.layers.0.mlp.experts.down_proj': [3, f, d],
    'model.layers.0.mlp.experts.down_proj_bias': [3, d],
  };
  for (const [name, out, into] of [
    ['q', heads * size, d],
    ['k', keyValueHeads * size, d],
    ['v', keyValueHeads * size, d],
    ['o', d, heads * size],
  ] as const) {
    shapes[`model.layers.0.self_attn.${name}_proj.weight`] = [out, into];
    shapes[`model.layers.0.self_attn.${name}_proj.bias`] = [out];
  }
  const weights = Object.entries(shapes).map(([name, shape], i): [string, TensorEntry] => {
    const count = shape.reduce((a, b) => a * b);
    return [name, { dtype: 'F32', shape, data: numbers(i, count, 0.5) }];
  });
  return {
    config: {
      architectures: ['GptOssForCausalLM'],
      hidden_size: d,
      intermediate_size: f,
      num_hidden_layers: 1,
      num_attention_heads: heads,
      num_key_value_heads: keyValueHeads,
      head_dim: size,
      num_local_experts: 3,
      num_experts_per_tok: 2,
      vocab_size: vocabSize,
      max_position_embeddings: 64,
      initializer_range: 0.3,
      tie_word_embeddings: true,
      bos_token_id: 256,
      layer_types: ['full_attention'],
    },
    weights: Object.fromEntries(weights),
  };
}

test('each expert of a stack has its own numbers', async () => {
  const at = await writeTiny(files.path('experts'), { model: stackedExperts() });
  const name = 'model.layers.0.mlp.experts.gate_up_proj';
  const [drawnStack] = await drawn(at, 0, name);
  const third = drawnStack!.length / 3;
  expect(drawnStack!.subarray(0, third)).not.toEqual(drawnStack!.subarray(third, 2 * third));
  // The same numbers stored, and drawn: the graph reads each expert where it lies.
  const model = await open(at, { randomWeights: { seed: 0 } });
  const stored = Object.fromEntries(
    await Promise.all(
      [...internalsOf(model).checkpoint.weights].map(async ([key, { packed, info }]) => {
        const data = (await packed!.open())(0, info.shape[0]!);
        return [key, { dtype: 'F32', shape: info.shape, data } as TensorEntry] as const;
      }),
    ),
  );
  await model.close();
  const copy = await writeTiny(files.path('copy'), { model: { ...stackedExperts(), weights: stored } });
  expect(await logitsOf(copy, {})).toEqual(await logitsOf(at, { randomWeights: { seed: 0 } }));
});
