import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { listAdapterFiles, listModelFiles, localFolder } from '@sonde/checkpoints';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forward, generate, openModel } from '../src/index.ts';
import { relativeError } from './shared.ts';
import { numbers, plain, randomWeights, scratch, TINY, type TinyOptions, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const ids = [256, 72, 101, 108, 108, 111];

async function logitsOf(folder: string, adapter?: string): Promise<Float32Array> {
  const model = await openModel(folder, { threads: 1, device: 'cpu', ...(adapter ? { adapter } : {}) });
  const { logits } = await forward(model, ids);
  await model.close();
  return logits;
}

const tiny = async (name: string, options?: TinyOptions) => logitsOf(await writeTiny(files.path(name), options));

describe('one model in several forms gives one result', () => {
  let reference: Float32Array;
  beforeAll(async () => {
    reference = await tiny('reference');
  });

  test('in shards with an index', async () => {
    const folder = await writeTiny(files.path('sharded'));
    await rm(join(folder, 'model.safetensors'));
    const weight_map: Record<string, string> = {};
    const shards: Record<string, TensorEntry>[] = [{}, {}];
    Object.entries(randomWeights()).forEach(([name, entry], i) => {
      shards[i % 2]![name] = entry;
      weight_map[name] = `model-0000${(i % 2) + 1}-of-00002.safetensors`;
    });
    for (const [i, shard] of shards.entries()) {
      await writeSafetensors(join(folder, `model-0000${i + 1}-of-00002.safetensors`), shard);
    }
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }));
    expect(await logitsOf(folder)).toEqual(reference);
    expect(await listModelFiles(await localFolder(folder))).toContain('model-00002-of-00002.safetensors');
    await rm(join(folder, 'model-00002-of-00002.safetensors'));
    await expect(listModelFiles(await localFolder(folder))).rejects.toThrow(/its index names model-00002-of-00002/);
  });

  test('with its rotary settings in either place, and scaled by 1', async () => {
    const parameters = { rope_type: 'default', rope_theta: 10000 };
    expect(await tiny('rope-new', { config: { rope_theta: undefined, rope_parameters: parameters } })).toEqual(
      reference,
    );
    expect(await tiny('rope-linear', { config: { rope_scaling: { type: 'linear', factor: 1 } } })).toEqual(reference);
    expect(await tiny('rope-half', { config: { rope_scaling: { type: 'linear', factor: 2 } } })).not.toEqual(reference);
  });

  test('with biases of zero; others show', async () => {
    const sizes = { q_proj: 16, k_proj: 8, v_proj: 8, o_proj: 16 };
    const biased = (scale: number): TinyOptions => ({
      config: { attention_bias: true },
      change: (weights) => {
        for (let layer = 0; layer < TINY.layers; layer++) {
          for (const [name, size] of Object.entries(sizes)) {
            const data = numbers(layer, size, scale);
            weights[`model.layers.${layer}.self_attn.${name}.bias`] = { dtype: 'F32', shape: [size], data };
          }
        }
      },
    });
    expect(await tiny('bias-0', biased(0))).toEqual(reference);
    expect(await tiny('bias-1', biased(1))).not.toEqual(reference);
  });

  test('with an output head that is tied to the embedding', async () => {
    const tied: TinyOptions = {
      config: { tie_word_embeddings: true },
      change: (weights) => delete weights['lm_head.weight'],
    };
    const copied: TinyOptions = {
      change: (weights) => {
        weights['lm_head.weight'] = weights['model.embed_tokens.weight']!;
      },
    };
    expect(await tiny('tied', tied)).toEqual(await tiny('copied', copied));
  });

  test('in half precision, whose values are taken as they are', async () => {
    const rounded = (dtype: 'F16' | 'BF16'): TinyOptions => ({
      change: (weights) => {
        for (const [name, entry] of Object.entries(weights)) weights[name] = { ...entry, dtype };
      },
    });
    expect(relativeError(await tiny('f16', rounded('F16')), reference)).toBeLessThan(0.01);
    expect(relativeError(await tiny('bf16', rounded('BF16')), reference)).toBeLessThan(0.1);
  });
});

describe('a vocabulary that cannot be cut into equal blocks', () => {
  test('is drawn from all the same', async () => {
    const vocabSize = 263;
    const folder = await writeTiny(files.path('prime'), {
      config: { vocab_size: vocabSize },
      change: (weights) => {
        for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
          const data = numbers(name.length, vocabSize * TINY.hiddenSize, 0.2);
          weights[name] = { dtype: 'F32', shape: [vocabSize, TINY.hiddenSize], data };
        }
      },
    });
    const model = await openModel(folder, { threads: 1, device: 'cpu' });
    const { continuations } = await generate(model, [plain('a', 'Hi')], {
      num_return_sequences: 6000,
      max_new_tokens: 1,
    });
    const drawn = new Set(continuations.map(({ tokenIds }) => tokenIds[0]));
    expect(drawn.size).toBe(vocabSize);
    await model.close();
  });
});

describe('a LoRA adapter', () => {
  const rank = 2;
  const module = 'model.layers.1.self_attn.q_proj';
  const a = numbers(91, rank * TINY.hiddenSize, 0.5);
  const b = numbers(92, TINY.hiddenSize * rank, 0.5);

  async function writeAdapter(name: string, config: Record<string, unknown>, target = module): Promise<string> {
    const folder = files.path(name);
    await mkdir(folder, { recursive: true });
    const whole = { peft_type: 'LORA', r: rank, lora_alpha: 3, target_modules: ['q_proj'], bias: 'none', ...config };
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(whole));
    await writeSafetensors(join(folder, 'adapter_model.safetensors'), {
      [`base_model.model.${target}.lora_A.weight`]: { dtype: 'F32', shape: [rank, TINY.hiddenSize], data: a },
      [`base_model.model.${target}.lora_B.weight`]: { dtype: 'F32', shape: [TINY.hiddenSize, rank], data: b },
    });
    return folder;
  }

  const merged = (scale: number): TinyOptions => ({
    change: (weights) => {
      const weight = weights[`${module}.weight`]!.data as Float32Array;
      const d = TINY.hiddenSize;
      for (let i = 0; i < d; i++) {
        for (let j = 0; j < d; j++) {
          for (let r = 0; r < rank; r++) weight[i * d + j]! += scale * b[i * rank + r]! * a[r * d + j]!;
        }
      }
    },
  });

  test.each([
    ['alpha / r', {}, 1.5],
    ['alpha / √r if rank-stabilised', { use_rslora: true }, 3 / Math.SQRT2],
    ['a pattern’s own alpha', { alpha_pattern: { 'layers.1.self_attn.q_proj': 8 } }, 4],
  ])('adds its path scaled by %s, as merged weights would', async (name, config, scale) => {
    const base = await writeTiny(files.path('base'));
    const adapter = await writeAdapter(`adapter-${scale}`, config);
    const expected = await tiny(`merged-${name.length}-${scale}`, merged(scale));
    expect(relativeError(await logitsOf(base, adapter), expected)).toBeLessThan(1e-5);
    expect(await listAdapterFiles(await localFolder(adapter))).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
  });

  test('for layers that the model does not have, or of a kind not supported, is refused', async () => {
    const base = await writeTiny(files.path('base'));
    const open = async (adapter: string) => logitsOf(base, adapter);
    const other = await writeAdapter('other', {}, 'model.layers.9.self_attn.q_proj');
    await expect(open(other)).rejects.toThrow(/adapter for another model: it changes "model.layers.9/);
    const variants: Record<string, unknown> = {
      use_dora: true,
      alora_invocation_tokens: [1, 2],
      modules_to_save: ['lm_head'],
      trainable_token_indices: [3],
      layer_replication: [[0, 2]],
      loftq_config: { loftq_bits: 4 },
      a_field_of_next_year: 1,
    };
    for (const [field, value] of Object.entries(variants)) {
      await expect(open(await writeAdapter(field, { [field]: value }))).rejects.toThrow(`${field} is not supported`);
    }
    for (const init of ['pissa', 'pissa_niter_4', 'olora', 'loftq', 'corda', 'lora_ga']) {
      await expect(open(await writeAdapter(init, { init_lora_weights: init }))).rejects.toThrow(
        `init_lora_weights "${init}" is not supported`,
      );
    }
    await expect(open(await writeAdapter('excluded', { exclude_modules: ['q_proj'] }))).rejects.toThrow(
      `exclude_modules names "${module}"`,
    );
    await expect(open(await writeAdapter('rank', { r: 4 }))).rejects.toThrow(
      /rank 2 and 2; adapter_config.json says 4/,
    );
    await expect(open(base)).rejects.toThrow(UserError);
  });

  test('what says nothing of its effect is passed over', async () => {
    const base = await writeTiny(files.path('base'));
    const silent = { init_lora_weights: 'gaussian', exclude_modules: ['lm_head'], lora_dropout: 0.1, use_dora: false };
    const [plainly, told] = [await writeAdapter('plainly', {}), await writeAdapter('told', silent)];
    expect(await logitsOf(base, told)).toEqual(await logitsOf(base, plainly));
  });

  test('may hold a copy of the model’s own head, not another', async () => {
    const base = await writeTiny(files.path('base'));
    const adapter = async (name: string, scale: number): Promise<string> => {
      const folder = await writeAdapter(name, {});
      const head = randomWeights()['lm_head.weight']!;
      const data = (head.data as Float32Array).map((x) => x * scale);
      await writeSafetensors(join(folder, 'adapter_model.safetensors'), {
        [`base_model.model.${module}.lora_A.weight`]: { dtype: 'F32', shape: [rank, TINY.hiddenSize], data: a },
        [`base_model.model.${module}.lora_B.weight`]: { dtype: 'F32', shape: [TINY.hiddenSize, rank], data: b },
        'base_model.model.lm_head.base_layer.weight': { ...head, data } as TensorEntry,
      });
      return folder;
    };
    expect(await logitsOf(base, await adapter('copy', 1))).toEqual(
      await logitsOf(base, await writeAdapter('alone', {})),
    );
    await expect(logitsOf(base, await adapter('changed', 2))).rejects.toThrow('another than the model');
  });

  test('of a head that is tied is refused for what it is', async () => {
    const tied = await writeTiny(files.path('tied-for-adapter'), {
      config: { tie_word_embeddings: true },
      change: (weights) => {
        delete weights['lm_head.weight'];
      },
    });
    await expect(logitsOf(tied, await writeAdapter('on-head', {}, 'lm_head'))).rejects.toThrow(
      'LoRA on a tied head is not supported',
    );
  });
});

describe('a field of config.json is what the class of transformers makes of it', () => {
  test('a head of its own is used, whatever tie_word_embeddings says', async () => {
    const untied = await tiny('untied');
    expect(await tiny('tied-but-stored', { config: { tie_word_embeddings: true } })).toEqual(untied);
    const copied: TinyOptions = {
      config: { tie_word_embeddings: true },
      change: (weights) => {
        weights['lm_head.weight'] = weights['model.embed_tokens.weight']!;
      },
    };
    expect(await tiny('tied-and-copied', copied)).not.toEqual(untied);
  });

  test('quantization_config: null says nothing', async () => {
    expect(await tiny('null', { config: { quantization_config: null } })).toEqual(await tiny('reference'));
  });

  test('infinite numbers as Python writes them are read, and refused by the field that takes none', async () => {
    const folder = await writeTiny(files.path('infinite'), { config: { time_step_limit: 'HERE' } });
    const path = join(folder, 'config.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"HERE"', '[0.0, Infinity, NaN, -Infinity]'));
    expect(await logitsOf(folder)).toEqual(await tiny('reference'));
    await writeFile(path, text.replace('"rope_theta":10000', '"rope_theta":Infinity'));
    await expect(logitsOf(folder)).rejects.toThrow(/rope_theta is .*; expected a positive number/);
  });

  test.each([
    ['is_causal is false', { is_causal: false }],
    ['tie_last_hidden_states is false', { tie_last_hidden_states: false }],
    ['model_type is "mistral", but architectures names LlamaForCausalLM', { model_type: 'mistral' }],
  ])('refused: %s', async (message, config) => {
    await expect(tiny('refused', { config })).rejects.toThrow(message);
  });

  test('Mistral slides in the layers that layer_types names, else in all', async () => {
    const mistral = (name: string, config: Record<string, unknown>) =>
      tiny(name, { config: { architectures: ['MistralForCausalLM'], model_type: 'mistral', ...config } });
    const [full, sliding] = ['full_attention', 'sliding_attention'];
    const whole = await mistral('whole', { sliding_window: null });
    const all = await mistral('all', { sliding_window: 2 });
    const none = await mistral('none', { sliding_window: 2, layer_types: [full, full, full] });
    const each = await mistral('each', { sliding_window: 2, layer_types: [sliding, sliding, sliding] });
    const some = await mistral('some', { sliding_window: 2, layer_types: [full, sliding, full] });
    expect(none).toEqual(whole);
    expect(each).toEqual(all);
    for (const other of [whole, all]) expect(some).not.toEqual(other);
  });
});
