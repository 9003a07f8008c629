import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  capture,
  type GenerationOptions,
  generate,
  listModelFiles,
  type Model,
  ModelError,
  openModel,
} from '../src/index.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
let model: Model;
beforeAll(async () => {
  files = await scratch();
  model = await openModel(await writeTiny(files.path('tiny')), { threads: 1, device: 'cpu' });
});
afterAll(async () => {
  await model.close();
  await files.remove();
});

const open = (folder: string) => openModel(folder, { threads: 1, device: 'cpu' });

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelError);
  return (error as ModelError).message;
}

describe('the files of a model', () => {
  test('are those that the loader reads, and no others', async () => {
    await writeFile(join(model.folder, 'golden.json'), '{}');
    expect(await listModelFiles(model.folder)).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  test.each(['config.json', 'model.safetensors', 'tokenizer.json'])(
    'without %s: the message names it',
    async (name) => {
      const folder = await writeTiny(files.path(`without-${name}`));
      await rm(join(folder, name));
      expect(await messageOf(listModelFiles(folder))).toContain(name);
      expect(await messageOf(open(folder))).toContain(name);
    },
  );

  test('in a folder that is not there', async () => {
    expect(await messageOf(open(files.path('nowhere')))).toContain('There is no model folder');
  });
});

describe('a checkpoint that cannot be used', () => {
  const badly = async (name: string, config: Record<string, unknown>): Promise<string> =>
    messageOf(open(await writeTiny(files.path(name), { config })));

  test.each([
    [{ architectures: ['BertModel'] }, 'architecture BertModel is not supported; supported: Gemma2ForCausalLM, GPT2LM'],
    [{ architectures: undefined }, 'names no architecture'],
    [{ hidden_size: '16' }, 'hidden_size is "16"; expected a positive integer'],
    [{ hidden_size: 32 }, 'has shape [258, 16]; the configuration makes it [258, 32]'],
    [{ hidden_size: 18 }, 'hidden size of 18 cannot be shared by 4 heads'],
    [
      { head_dim: 8 },
      '"model.layers.0.self_attn.q_proj.weight" has shape [16, 16]; the configuration makes it [32, 16]',
    ],
    [{ num_hidden_layers: 4 }, 'lack "model.layers.3.input_layernorm.weight"'],
    [{ num_hidden_layers: 2 }, 'have "model.layers.2.input_layernorm.weight", but the configuration gives the model 2'],
    [{ num_key_value_heads: 3 }, '4 attention heads cannot share 3'],
    [
      { rope_scaling: { rope_type: 'spiral', factor: 2 } },
      'rope type "spiral" is not supported; supported: default, linear, dynamic, llama3, yarn, longrope',
    ],
    [{ rope_scaling: { rope_type: 'linear' } }, 'rope_scaling: factor is missing; expected a positive number'],
    [{ rope_scaling: { type: 'longrope', short_factor: [1] } }, 'short_factor is [1]; expected a list of 2 positive'],
    [{ hidden_act: 'mish' }, 'hidden_act is "mish"; expected one of gelu, gelu_fast'],
    [{ quantization_config: {} }, 'quantised'],
  ])('%j: %s', async (config, message) => {
    expect(await badly(`bad-${message.length}-${Object.keys(config)[0]}`, config)).toContain(message);
  });

  test('a bias that the configuration does not know is not left out in silence', async () => {
    const folder = await writeTiny(files.path('biased'), {
      change: (weights) => {
        weights['model.layers.0.self_attn.q_proj.bias'] = { dtype: 'F32', shape: [16], data: new Float32Array(16) };
      },
    });
    expect(await messageOf(open(folder))).toContain('have "model.layers.0.self_attn.q_proj.bias"');
  });

  test('a weight that is not a number is named, never passed on', async () => {
    const folder = await writeTiny(files.path('nan'), {
      change: (weights) => {
        (weights['model.layers.1.mlp.up_proj.weight']!.data as Float32Array)[5] = Number.NaN;
      },
    });
    const broken = await open(folder);
    const message = await messageOf(generate(broken, [plain('a', 'Hi')], { max_new_tokens: 2 }));
    expect(message).toContain('weight "model.layers.1.mlp.up_proj.weight"');
    expect(message).toContain('NaN');
    const captured = capture(broken, [{ prompt: plain('a', 'Hi') }], { layers: [0], pool: ['prompt'] });
    await expect(captured).resolves.toBeDefined();
    const all = capture(broken, [{ prompt: plain('a', 'Hi') }], { layers: 'all', pool: ['prompt'] });
    expect(await messageOf(all)).toContain('up_proj');
    await broken.close();
  });

  test('a device that does not exist', async () => {
    const opening = openModel(model.folder, { threads: 1, device: 'tpu' });
    expect(await messageOf(opening)).toContain('cpu, cuda, webgpu');
  });
});

describe('a request that cannot be met', () => {
  const ask = (options: GenerationOptions, text = 'Hi') => messageOf(generate(model, [plain('p1', text)], options));

  test.each([
    [{ num_return_sequences: 0 }, 'num_return_sequences is 0'],
    [{ max_new_tokens: 0 }, 'max_new_tokens is 0'],
    [{ top_p: 0 }, 'top_p is 0; expected a number in (0, 1]'],
    [{ top_p: 1.1 }, 'top_p is 1.1'],
    [{ top_k: -1 }, 'top_k is -1'],
    [{ temperature: 0 }, 'temperature is 0'],
    [{ repetition_penalty: Number.NaN }, 'repetition_penalty is NaN'],
    [{ do_sample: false, num_return_sequences: 2 }, 'without do_sample'],
    [{ capture: { layers: [4], pool: ['prompt'] } }, 'Layer 4 does not exist; the model has layers 0 to 3'],
    [{ capture: { layers: 'all', pool: [] } }, 'at least one pool'],
    [{ capture: { layers: 'all', pool: ['prompt'], sites: [] } }, 'at least one site'],
    [{ capture: { layers: [0], pool: ['prompt'], sites: ['mlp'] } }, 'Site "mlp" has no layer 0'],
    [{ interventions: [{ kind: 'bypass', layers: [3] }] }, 'block 3 does not exist; the model has blocks 0 to 2'],
    [{ interventions: [{ kind: 'add', layers: [0], vectors: [] }] }, '0 vectors are given for 1 layers'],
    [
      { interventions: [{ kind: 'add', layers: [0], vectors: [new Float32Array(3)] }] },
      "a vector has 3 numbers; the model's residual states have",
    ],
    [
      { interventions: [{ kind: 'erase', layers: [0], directions: [[new Float32Array(TINY.hiddenSize)]] }] },
      'a direction is zero',
    ],
  ] satisfies [GenerationOptions, string][])('%j: %s', async (options, message) => {
    expect(await ask(options)).toContain(message);
  });

  test('a prompt longer than the context is named with its length', async () => {
    const message = await ask({ max_new_tokens: 20 }, 'x'.repeat(60));
    expect(message).toContain('Prompt "p1" has 61 tokens; with 20 new ones');
    expect(message).toContain('context of 64');
  });

  test('two prompts of one id', async () => {
    const same = generate(model, [plain('p', 'a'), plain('p', 'b')], {});
    expect(await messageOf(same)).toContain('Two prompts have the id "p"');
  });
});

describe('an empty prompt', () => {
  test('is the beginning-of-text token alone, and has no state of its own', async () => {
    const { continuations } = await generate(model, [plain('p', '')], { max_new_tokens: 3 });
    expect(continuations[0]!.tokenIds.length).toBeGreaterThan(0);
    const capturing = generate(model, [plain('p', '')], { capture: { layers: 'all', pool: ['prompt'] } });
    expect(await messageOf(capturing)).toContain('Prompt "p" has no text of its own');
  });

  test('without a beginning-of-text token is refused', async () => {
    const bare = await open(await writeTiny(files.path('bare'), { withBos: false }));
    expect(await messageOf(generate(bare, [plain('p', '')], {}))).toContain('Prompt "p" is empty');
    await bare.close();
  });
});
