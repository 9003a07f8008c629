import { join } from 'node:path';
import { UserError } from '@sonde/base';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  openSafetensors,
  readFloat32,
  readTensor,
} from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capture, forward, generate, type Model, type OpenOptions, openModel } from '../src/index.ts';
import { openModelAs } from '../src/model.ts';
import { GOLDENS, goldenModel, readGolden, writeGoldenAdapter } from './goldens.ts';
import { fixtures, hasShared, relativeError } from './shared.ts';
import { plain, scratch, TINY, type TinyOptions, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

type Precision = Pick<OpenOptions, 'dtype' | 'quantization' | 'adapter'>;
const open = (folder: string, precision: Precision = {}): Promise<Model> =>
  openModel(folder, { threads: 1, device: 'cpu', ...precision });
const asOption = (mode: 'float16' | 'bfloat16' | 'nf4'): Precision =>
  mode === 'nf4' ? { quantization: mode } : { dtype: mode };

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(() => null).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

const ids = [256, 72, 105, 33, 10, 200];
const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'Some longer text')];
const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
const options = { num_return_sequences: 3, max_new_tokens: 12, top_p: 0.9, seed: 5, capture: all };

const PRECISE = GOLDENS.filter((name) => readGolden(name).precision);
const MODES = ['float16', 'bfloat16', 'nf4'] as const;
const CASES = PRECISE.flatMap((name) => MODES.map((mode) => [name, mode] as const));

describe.each(CASES)('%s with weights in %s', (name, mode) => {
  const golden = readGolden(name);
  const folder = () => writeTiny(files.path(name), { model: goldenModel(golden) });
  const expectGolden = async (model: Model, expected: NonNullable<typeof golden.precision>) => {
    const { lastResidual, logits } = await forward(model, golden.ids);
    const d = model.config.hiddenSize;
    const states = golden.tokens.flatMap((t) => Array.from(lastResidual.subarray(t * d, (t + 1) * d)));
    expect(relativeError(states, expected[mode].last_residual)).toBeLessThan(1e-5);
    expect(relativeError(logits.subarray(-expected[mode].logits.length), expected[mode].logits)).toBeLessThan(1e-5);
    await model.close();
  };

  test('gives the results of PyTorch and bitsandbytes', async () => {
    const model = await open(await folder(), asOption(mode));
    const sizes = golden.weights.map(([, shape]) => shape.reduce((a, b) => a * b));
    expect(model.config.parameters).toBe(sizes.reduce((a, b) => a + b));
    await expectGolden(model, golden.precision!);
  });

  test('with an adapter, whose weights stay as they are, too', async () => {
    const adapter = await writeGoldenAdapter(files.path(`${name}-adapter`), golden);
    await expectGolden(await open(await folder(), { ...asOption(mode), adapter }), golden.adapter!.precision!);
  });
});

describe('linear layers computed in float16', () => {
  // The CPU, which openModel refuses, sums in float32, and ONNX Runtime leaves out a rounding that it need not make there:
  // what is left differs from float32 by roundings of 2⁻¹¹. Devices that compute in float16: devices.test.ts.
  const lastOf = async (model: Model, tokens: readonly number[]): Promise<Float32Array> => {
    const { lastResidual } = await forward(model, tokens);
    await model.close();
    return lastResidual;
  };
  const quantizations = [{}, { quantization: 'nf4' }, { quantization: 'int4' }] as const;
  const cases = ['llama-odd', 'gpt2', 'mixtral', 'gemma2'].flatMap((name) =>
    quantizations.map((quantized) => [name, quantized] as const),
  );
  test.each(cases)('%s, %o: float32 up to rounding, and not float32', async (name, quantized) => {
    const golden = readGolden(name);
    const folder = await writeTiny(files.path(name), { model: goldenModel(golden) });
    const exact = await lastOf(await open(folder, quantized), golden.ids);
    const narrow = { threads: 1, device: 'cpu', compute: 'float16', ...quantized } as const;
    const found = relativeError(await lastOf(await openModelAs(folder, narrow), golden.ids), exact);
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(5e-3);
  });

  test('an adapter is computed in float32 beside them', async () => {
    const golden = readGolden('gpt2');
    const folder = await writeTiny(files.path('gpt2'), { model: goldenModel(golden) });
    const adapter = await writeGoldenAdapter(files.path('gpt2-adapter'), golden);
    const exact = await lastOf(await open(folder, { adapter }), golden.ids);
    const narrow = { threads: 1, device: 'cpu', compute: 'float16', adapter } as const;
    const found = relativeError(await lastOf(await openModelAs(folder, narrow), golden.ids), exact);
    expect(found).toBeLessThan(5e-3);
  });
});

test('a type that a device does not compute in is refused, with what it does and where it would run', async () => {
  const folder = await writeTiny(files.path('plain'));
  expect(await messageOf(openModel(folder, { threads: 1, device: 'cpu', compute: 'float16' }))).toBe(
    'compute is float16, but the device cpu computes in float32 alone.',
  );
  expect(await messageOf(openModel(folder, { threads: 1, device: 'webgpu', compute: 'bfloat16' }))).toBe(
    'compute is bfloat16, but the device webgpu computes in float32 and float16 alone.',
  );
});

describe.skipIf(!hasShared).each(['llama2-bf16', 'qwen2-bias'])('%s in NF4 (../shared)', (name) => {
  test('gives the states and logits of bitsandbytes', async () => {
    const folder = join(fixtures, 'models', name);
    const golden = await openSafetensors(join(folder, 'golden.safetensors'));
    const tokens = Array.from((await readTensor(golden, 'ids.3')).data as BigInt64Array, Number);
    const model = await open(folder, { quantization: 'nf4' });
    const { hiddenStates, logits } = await forward(model, tokens);
    expect(relativeError(hiddenStates, (await readFloat32(golden, 'nf4.hidden.3')).data)).toBeLessThan(1e-5);
    expect(relativeError(logits, (await readFloat32(golden, 'nf4.logits.3')).data)).toBeLessThan(1e-5);
    await model.close();
  });
});

/** Weights of the small Llama, each changed. */
const changed = (change: (value: number, index: number, name: string) => number): TinyOptions => ({
  change(weights) {
    for (const [name, { shape, data }] of Object.entries(weights)) {
      weights[name] = { dtype: 'F32', shape, data: (data as Float32Array).map((value, i) => change(value, i, name)) };
    }
  },
});

/** Asserts that two models give the same bits, and closes them. */
async function expectSame(one: Model, other: Model): Promise<void> {
  expect(await forward(one, ids)).toEqual(await forward(other, ids));
  await one.close();
  await other.close();
}

const ROUND = {
  float16: (value: number) => float16ToFloat32(float32ToFloat16(value)),
  bfloat16: (value: number) => bfloat16ToFloat32(float32ToBfloat16(value)),
};

describe('dtype', () => {
  /** Halfway between neighbours in each type, and what float16 holds as subnormal numbers only. */
  const HARD = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -11, -1 - 3 * 2 ** -11, 3e-7, 5.96e-8, 2 ** -25, 1e-40];
  /** The embedding of the second of the ids begins with the hard numbers. */
  const hard = (value: number, index: number, name: string): number =>
    name === 'model.embed_tokens.weight' ? (HARD[index - ids[1]! * TINY.hiddenSize] ?? value) : value;

  test.each(['float16', 'bfloat16'] as const)(
    '%s gives what a checkpoint rounded to it gives, bit for bit',
    async (dtype) => {
      const stored = await writeTiny(files.path('hard'), changed(hard));
      const rounded = await writeTiny(
        files.path(`hard-${dtype}`),
        changed((value, i, name) => ROUND[dtype](hard(value, i, name))),
      );
      await expectSame(await open(stored, { dtype }), await open(rounded));
    },
  );

  test('float32 changes nothing', async () => {
    const folder = await writeTiny(files.path('plain'));
    await expectSame(await open(folder), await open(folder, { dtype: 'float32' }));
  });

  test.each(['nf4', 'int8', 'int4'] as const)('is what weights are rounded to before %s', async (quantization) => {
    const folder = await writeTiny(files.path('plain'));
    const rounded = await writeTiny(files.path('rounded'), changed(ROUND.bfloat16));
    await expectSame(await open(folder, { dtype: 'bfloat16', quantization }), await open(rounded, { quantization }));
  });
});

describe.each(['nf4', 'int8', 'int4'] as const)('a model in %s', (quantization) => {
  let model: Model;
  beforeAll(async () => {
    model = await open(await writeTiny(files.path('plain')), { quantization });
  });
  afterAll(() => model.close());

  test('is near the model that is not quantised, and is not the same', async () => {
    const plainly = await open(model.folder);
    const error = relativeError((await forward(model, ids)).hiddenStates, (await forward(plainly, ids)).hiddenStates);
    expect(error).toBeGreaterThan(0.001);
    expect(error).toBeLessThan(quantization === 'int8' ? 0.05 : 1);
    expect(model.config).toEqual(plainly.config);
    await plainly.close();
  });

  test('leaves embeddings and head as they are', async () => {
    const { hiddenStates } = await forward(model, ids);
    const { data } = await readFloat32(
      await openSafetensors(join(model.folder, 'model.safetensors')),
      'model.embed_tokens.weight',
    );
    const d = TINY.hiddenSize;
    for (const [t, id] of ids.entries()) {
      expect(hiddenStates.subarray(t * d, (t + 1) * d)).toEqual(data.subarray(id * d, (id + 1) * d));
    }
  });

  test('generates for a prompt alone what it generates among others', async () => {
    const tokens = async (some: typeof prompts, samples: number): Promise<(readonly number[])[]> => {
      const { continuations } = await generate(model, some, { ...options, num_return_sequences: samples });
      return continuations.map(({ tokenIds }) => tokenIds);
    };
    const among = await tokens(prompts, 3);
    for (const [i, prompt] of prompts.entries()) {
      expect(await tokens([prompt], 3)).toEqual(among.slice(i * 3, i * 3 + 3));
      expect(await tokens([prompt], 1)).toEqual([among[i * 3]]);
    }
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

  test('leaves out a bypassed block', async () => {
    const { hiddenStates } = await forward(model, ids, { interventions: [{ kind: 'bypass', layers: [1] }] });
    const size = ids.length * TINY.hiddenSize;
    expect(hiddenStates.subarray(2 * size, 3 * size)).toEqual(hiddenStates.subarray(size, 2 * size));
  });

  test('cannot be made of weights that are not numbers, and names the first', async () => {
    const name = 'model.layers.1.mlp.up_proj.weight';
    const folder = await writeTiny(
      files.path('nan'),
      changed((value, i, at) => (at === name && i === 5 ? Number.NaN : value)),
    );
    const model = await open(folder, { quantization });
    expect(await messageOf(forward(model, ids))).toContain(`weight "${name}" holds NaN`);
  });
});

describe('precision that cannot be had', () => {
  test('is refused by name', async () => {
    const folder = await writeTiny(files.path('plain'));
    const dtype = 'half' as 'float16';
    expect(await messageOf(open(folder, { dtype }))).toBe(
      'dtype is "half"; expected one of float32, float16, bfloat16.',
    );
    const quantization = 'fp4' as 'nf4';
    expect(await messageOf(open(folder, { quantization }))).toBe(
      'quantization is "fp4"; expected one of nf4, int8, int4.',
    );
  });

  test('names a weight that float16 cannot hold', async () => {
    const name = 'model.layers.1.mlp.up_proj.weight';
    const folder = await writeTiny(
      files.path('great'),
      changed((value, i, at) => (at === name && i === 5 ? 70000 : value)),
    );
    const expected = `weight "${name}" holds 70000, which float16 cannot hold`;
    const quantised = await open(folder, { dtype: 'float16', quantization: 'nf4' });
    expect(await messageOf(forward(quantised, ids))).toContain(expected);
    const model = await open(folder, { dtype: 'float16' });
    const found = await messageOf(generate(model, prompts, options));
    expect(found).toContain(`weight "${name}"`);
    expect(found).toContain('holds 70000, which float16 cannot hold (element 5)');
    await model.close();
  });
});
