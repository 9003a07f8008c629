import { mkdir, rm, writeFile } from 'node:fs/promises';
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
    await expect(open(await writeAdapter('dora', { use_dora: true }))).rejects.toThrow(/use_dora is not supported/);
    await expect(open(await writeAdapter('rank', { r: 4 }))).rejects.toThrow(
      /rank 2 and 2; adapter_config.json says 4/,
    );
    await expect(open(base)).rejects.toThrow(UserError);
  });
});
