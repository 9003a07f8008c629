import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { listModelFiles, localFolder } from '@sonde/checkpoints';
import type { Site } from '@sonde/networks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CaptureOptions,
  capture,
  type GenerationOptions,
  generate,
  type Intervention,
  type Model,
  openModel,
} from '../src/index.ts';
import { writeReady } from './ready-graph.ts';
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
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('the files of a model', () => {
  test('are those that the loader reads, and no others', async () => {
    await writeFile(join(model.folder, 'golden.json'), '{}');
    expect(await listModelFiles(await localFolder(model.folder))).toEqual([
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
      expect(await messageOf(listModelFiles(await localFolder(folder)))).toContain(name);
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
    [
      { architectures: ['MambaForCausalLM'] },
      'architecture MambaForCausalLM is not supported (it carries a state from token to token in place of attention); supported: ',
    ],
    [
      { architectures: ['T5ForConditionalGeneration'], is_encoder_decoder: true },
      'architecture T5ForConditionalGeneration is not supported (it has an encoder beside its decoder); supported: ',
    ],
    [
      { architectures: ['BertModel'] },
      'architecture BertModel is not supported; supported: ApertusForCausalLM, ArceeForCausalLM',
    ],
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
    [{ num_hidden_layers: 1e9 }, 'would have 1000000000 layers; at most 10000'],
    [{ head_dim: 1e12 }, 'heads of 1000000000000 numbers; at most 65536'],
    [{ num_key_value_heads: 3 }, '4 attention heads cannot share 3'],
    [
      { rope_scaling: { rope_type: 'spiral', factor: 2 } },
      'rope type "spiral" is not supported; supported: default, linear, dynamic, llama3, yarn, longrope',
    ],
    [{ rope_scaling: { rope_type: 'linear' } }, 'rope_scaling: factor is missing; expected a positive number'],
    [{ rope_scaling: { type: 'longrope', short_factor: [1] } }, 'short_factor is [1]; expected a list of 2 positive'],
    [{ hidden_act: 'wave' }, 'hidden_act is "wave"; expected one of gelu, gelu_10'],
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
  const ones = (size: number): Float32Array => new Float32Array(size).fill(1);
  const add = (layers: number[], ...vectors: Float32Array[]): Intervention => ({ kind: 'add', layers, vectors });
  const erase = (layers: number[], directions: Float32Array[], site: Site = 'residual'): Intervention => {
    return { kind: 'erase', layers, directions: [directions], site };
  };
  const replace = (layers: number[], ...states: Float32Array[]): Intervention => {
    return { kind: 'replace', layers, stateOf: () => states };
  };
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
    [{ capture: { layers: 'all', pool: ['tokens'] } }, 'pool "tokens" needs onToken'],
    [{ interventions: [{ kind: 'bypass', layers: [3] }] }, 'block 3 does not exist; the model has blocks 0 to 2'],
    [{ interventions: [add([-1], ones(16))] }, 'Intervention "add": block -1 does not exist'],
    [{ interventions: [add([0])] }, '0 vectors are given for 1 layers; expected one for each'],
    [{ interventions: [add([1, 1], ones(16), ones(16))] }, 'block 1 is given twice; make two interventions of it'],
    [{ interventions: [add([0], ones(3))] }, "a vector has 3 numbers; the model's residual states have 16"],
    [{ interventions: [add([0], ones(16).fill(Number.NaN, 3, 4))] }, 'a vector holds a number that is not finite'],
    [{ interventions: [erase([0, 1], [ones(16)])] }, '1 lists of directions are given for 2 layers'],
    [{ interventions: [erase([0], [ones(16), new Float32Array(16)])] }, 'a direction is zero'],
    [{ interventions: [erase([0], [ones(8)], 'heads')] }, "a vector has 8 numbers; the model's heads states have 16"],
    [{ interventions: [replace([0], ones(16), ones(16))] }, '2 states are given for 1 layers; expected one for each'],
    [{ interventions: [replace([0], ones(17))] }, "a vector has 17 numbers; the model's residual states have 16"],
    [{ interventions: [replace([0], ones(16).fill(1 / 0))] }, 'a vector holds a number that is not finite'],
  ] satisfies [GenerationOptions, string][])('%j: %s', async (options, message) => {
    expect(await ask(options)).toContain(message);
  });

  test('a site, a pool or an intervention that there is not, from a caller without types', async () => {
    const unknown = (options: unknown) => ask(options as GenerationOptions);
    const capturing = (part: object) => unknown({ capture: { layers: 'all', pool: ['prompt'], ...part } });
    expect(await capturing({ sites: ['head'] })).toBe(
      'There is no site "head"; expected some of residual, residual_raw, attention, mlp, heads, router.',
    );
    expect(await capturing({ pool: ['mean'] })).toBe(
      'There is no pool "mean"; expected some of prompt, continuation, last, max, tokens.',
    );
    const changing = (part: object) => unknown({ interventions: [{ ...add([0], ones(16)), ...part }] });
    expect(await changing({ site: 'residual_raw' })).toContain('there is no site "residual_raw"; expected one of');
    expect(await changing({ kind: 'noise' })).toBe('There is no intervention "noise".');
  });

  test('the states of every token, by teacher forcing, without someone to take them', async () => {
    const capturing = capture(model, [{ prompt: plain('a', 'Hi') }], { layers: 'all', pool: ['tokens'] });
    expect(await messageOf(capturing)).toContain('pool "tokens" needs onToken');
  });

  test('sites inside blocks, or changes of states, of a ready graph; the model can be used on', async () => {
    const ready = await open(await writeReady(files.path('ready'), { style: 'plain' }));
    const refused = async (options: GenerationOptions): Promise<void> => {
      const message = await messageOf(generate(ready, [plain('a', 'Hi')], { max_new_tokens: 2, ...options }));
      expect(message).toMatch(/^In a ready graph only the residual stream can be read/);
      expect(message).toContain("use the model's safetensors checkpoint");
    };
    await refused({ capture: { layers: 'all', pool: ['prompt'], sites: ['heads'] } });
    await refused({ interventions: [add([0], ones(16))] });
    await refused({ interventions: [erase([0], [ones(16)], 'heads')] });
    const capturing: CaptureOptions = { layers: 'all', pool: ['max'], sites: ['residual_raw'] };
    const { states } = await generate(ready, [plain('a', 'Hi')], { max_new_tokens: 2, capture: capturing });
    expect(states!.residual_raw!.pools.max!.shape).toEqual([1, TINY.layers + 1, TINY.hiddenSize]);
    await ready.close();
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
