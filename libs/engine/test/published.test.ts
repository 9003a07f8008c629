import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { openSafetensors, readTensor, type TensorEntry } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkModel, forward, generate, type Model, type OpenOptions, openModel } from '../src/index.ts';
import { fill, type Golden, goldenModel, readGolden, writeGoldenAdapter } from './goldens.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, type TinyModel, writeTiny } from './tiny.ts';

/** A checkpoint as another program stores it: see `tools/goldens/published.py`. */
type Published = Golden & { readonly stored: 'F32' | 'BF16' };

const folder = join(import.meta.dirname, 'published');
const NAMES = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

function read(name: string): Published {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

async function readPacked(name: string): Promise<Record<string, TensorEntry>> {
  const file = await openSafetensors(join(folder, `${name}.safetensors`));
  const entries = [...file.tensors.keys()].map(async (key) => [key, await readTensor(file, key)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Plain weights from the generator, and the packed ones of the file. */
async function published(name: string): Promise<TinyModel> {
  const { config, stored, weights } = read(name);
  const packed = await readPacked(name);
  const isPacked = (weight: string) =>
    Object.keys(packed).some((key) => key.startsWith(weight.slice(0, -'weight'.length)));
  const own = Object.entries(fill(weights, 1, 0.3)).filter(([weight]) => !isPacked(weight));
  const rounded = own.map(([weight, entry]) => [weight, { ...entry, dtype: stored }] as const);
  return { config, weights: { ...Object.fromEntries(rounded), ...packed } };
}

async function write(name: string, change?: (model: TinyModel) => void, suffix = ''): Promise<string> {
  const model = await published(name);
  change?.(model);
  return writeTiny(files.path(`${name}${suffix}`), { model });
}

const open = (at: string, options: Partial<OpenOptions> = {}): Promise<Model> =>
  openModel(at, { threads: 1, device: 'cpu', ...options });

async function expectGolden(model: Model, golden: Published, expected: Pick<Golden, 'last_residual' | 'logits'>) {
  const { lastResidual, logits } = await forward(model, golden.ids);
  const d = model.config.hiddenSize;
  const states = golden.tokens.flatMap((t) => Array.from(lastResidual.subarray(t * d, (t + 1) * d)));
  expect(relativeError(states, expected.last_residual)).toBeLessThan(1e-5);
  expect(relativeError(logits.subarray(-expected.logits.length), expected.logits)).toBeLessThan(1e-5);
  await model.close();
}

describe.each(NAMES)('%s', (name) => {
  const golden = read(name);

  test('gives the states and logits of the program that it is for', async () => {
    await expectGolden(await open(await write(name)), golden, golden);
  });

  if (golden.adapter)
    test('with a LoRA adapter on top, too', async () => {
      const adapter = await writeGoldenAdapter(files.path(`${name}-adapter`), golden);
      await expectGolden(await open(await write(name), { adapter }), golden, golden.adapter!);
    });
});

const ids = [256, 72, 105, 33, 10, 200];

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(() => null).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('a packed checkpoint', () => {
  test('is checked like others, with what its weights are stored in', async () => {
    const { parameters, dtypes, selfCheck } = await checkModel(await write('awq'), { threads: 1, device: 'cpu' });
    expect(dtypes).toEqual({ F32: 258 * 64 * 2 + 3 * 64, 'awq int4': parameters - 258 * 64 * 2 - 3 * 64 });
    expect(selfCheck.newTokens).toBe(5);
  });

  test('may have experts, packed one by one', async () => {
    const [packed, plainly] = [goldenModel(readGolden('mixtral')), goldenModel(readGolden('mixtral'))];
    packed.config.quantization_config = { quant_method: 'fbgemm_fp8' };
    const experts = Object.keys(packed.weights).filter((name) => name.includes('.experts.'));
    expect(experts.length).toBeGreaterThan(0);
    for (const [seed, name] of experts.entries()) {
      const { shape } = packed.weights[name]!;
      const count = shape[0]! * shape[1]!;
      // Bytes of E4M3 from 0 to 15 stand for multiples of 2⁻⁹.
      const codes = Uint8Array.from({ length: count }, (_, i) => (i * 7 + seed) % 16);
      const scales = Float32Array.from({ length: shape[0]! }, (_, i) => 8 * (i % 2 === 0 ? 1 : -2));
      packed.weights[name] = { dtype: 'F8_E4M3', shape, data: codes };
      packed.weights[`${name}_scale`] = { dtype: 'F32', shape: [shape[0]!, 1], data: scales };
      const data = Float32Array.from(codes, (code, i) => code * 2 ** -9 * scales[Math.floor(i / shape[1]!)]!);
      plainly.weights[name] = { dtype: 'F32', shape, data };
    }
    const [one, other] = [
      await open(await writeTiny(files.path('experts-packed'), { model: packed })),
      await open(await writeTiny(files.path('experts-plain'), { model: plainly })),
    ];
    expect(await forward(one, ids)).toEqual(await forward(other, ids));
    await one.close();
    await other.close();
  });

  test.each(['the whole', 'its text_config'])(
    'may be of a checkpoint that looks at images too, said by %s',
    async (where) => {
      const { config, weights } = goldenModel(readGolden('gemma3'));
      const isPacked = (name: string): boolean => /_proj\.weight$/.test(name);
      const stored = (packed: boolean): TinyModel => {
        const entries = Object.entries(weights).flatMap(([name, entry], seed): [string, TensorEntry][] => {
          const at = `language_model.${name}`;
          if (!isPacked(name)) return [[at, entry]];
          const [output, input] = entry.shape as [number, number];
          const codes = Uint8Array.from({ length: output * input }, (_, i) => (i * 7 + seed) % 16);
          const scales = Float32Array.from({ length: output }, (_, i) => 8 * (i % 2 === 0 ? 1 : -2));
          const data = Float32Array.from(codes, (code, i) => code * 2 ** -9 * scales[Math.floor(i / input)]!);
          if (!packed) return [[at, { dtype: 'F32', shape: [output, input], data }]];
          return [
            [at, { dtype: 'F8_E4M3', shape: [output, input], data: codes }],
            [`${at}_scale`, { dtype: 'F32', shape: [output, 1], data: scales }],
          ];
        });
        const settings = packed ? { quantization_config: { quant_method: 'fbgemm_fp8' } } : {};
        const [outer, inner] = where === 'the whole' ? [settings, {}] : [{}, settings];
        const text = { ...config, architectures: undefined, ...inner };
        const architectures = ['Gemma3ForConditionalGeneration'];
        return {
          config: { architectures, model_type: 'gemma3', text_config: text, ...outer },
          weights: Object.fromEntries(entries),
        };
      };
      const name = where.replace(' ', '-');
      const [one, other] = [
        await open(await writeTiny(files.path(`images-packed-${name}`), { model: stored(true) })),
        await open(await writeTiny(files.path(`images-plain-${name}`), { model: stored(false) })),
      ];
      expect(await forward(one, ids)).toEqual(await forward(other, ids));
      await one.close();
      await other.close();
    },
  );

  test('generates in batches what it generates alone', async () => {
    const model = await open(await write('gptq-int4'));
    const options = { num_return_sequences: 2, max_new_tokens: 8, seed: 5 };
    const among = await generate(model, [plain('a', 'Hello there'), plain('b', 'x')], options);
    const alone = await generate(model, [plain('b', 'x')], options);
    expect(among.continuations.slice(2).map(({ tokenIds }) => tokenIds)).toEqual(
      alone.continuations.map(({ tokenIds }) => tokenIds),
    );
    await model.close();
  });

  test.each(['nf4', 'int8', 'int4'] as const)('can be quantised anew, to %s', async (quantization) => {
    const packed = await open(await write('bnb-nf4'), { quantization });
    const plainly = await open(await write('bnb-nf4'));
    const error = relativeError((await forward(packed, ids)).logits, (await forward(plainly, ids)).logits);
    expect(error).toBeLessThan(quantization === 'int4' ? 1 : 0.05);
    // A weight that was in NF4 before comes out of it as it went in.
    if (quantization === 'nf4') expect(error).toBeLessThan(1e-5);
    await packed.close();
    await plainly.close();
  });

  test('that holds what is not a number is refused, with the weight', async () => {
    const name = 'model.layers.0.mlp.up_proj';
    const at = await write(
      'gptq-int8',
      ({ weights }) => {
        (weights[`${name}.scales`]!.data as Uint16Array)[3] = 0x7e00;
      },
      '-nan',
    );
    const model = await open(at);
    const found = await messageOf(generate(model, [plain('a', 'Hi')], { max_new_tokens: 2 }));
    expect(found).toContain(`weight "${name}.weight"`);
    await model.close();
  });
});

type Settings = Record<string, unknown>;

async function refusal(name: string, settings: Settings, change?: (model: TinyModel) => void): Promise<string> {
  const own = read(name).config.quantization_config as Settings;
  const apply = (model: TinyModel) => {
    model.config.quantization_config = { ...own, ...settings };
    change?.(model);
  };
  return messageOf(open(await write(name, apply, '-refused')));
}

describe('what is not read of quantised checkpoints is refused by name', () => {
  test.each([
    'aqlm',
    'hqq',
    'eetq',
    'quanto',
    'spqr',
    'vptq',
    'bitnet',
    'torchao',
    'higgs',
    'quark',
    'auto-round',
    'nvfp4',
  ])('%s', async (method) => {
    expect(await refusal('awq', { quant_method: method })).toContain(`weights quantised with ${method} are not read`);
  });

  test.each<[string, Settings, string]>([
    ['gptq-int4', { checkpoint_format: 'marlin' }, 'checkpoint_format: "marlin", which is not read; expected gptq or'],
    ['awq', { version: 'gemv' }, 'version: "gemv", which is not read; expected gemm'],
    ['awq', { bits: 3 }, 'bits: 3, which is not read; expected 4'],
    [
      'fp8-block',
      { weight_block_size: [32, 32] },
      'is not that of scales for a weight [64, 64], by blocks of [32, 32]',
    ],
    ['fp8-block', { weight_block_size: null }, 'is not that of scales for a weight [64, 64]'],
    [
      'ct-int4-group',
      { sparsity_config: { format: 'sparse-24-bitmask' } },
      'sparsity_config.format: "sparse-24-bitmask"',
    ],
    ['ct-int4-group', { ignore: ['re:.*up_proj'] }, 'leaves "re:.*up_proj" as it is (ignore), but the weight of'],
    ['bnb-int8', { llm_int8_skip_modules: ['q_proj'] }, 'leaves "q_proj" as it is (llm_int8_skip_modules), but'],
  ])('%s with %j', async (name, settings, message) => {
    expect(await refusal(name, settings)).toContain(message);
  });

  test('a compressed format that is packed otherwise', async () => {
    const group = { targets: ['Linear'], weights: { num_bits: 4, type: 'float' }, format: 'nvfp4-pack-quantized' };
    expect(await refusal('ct-int4-group', { config_groups: { group_0: group } })).toContain('"nvfp4-pack-quantized"');
  });

  test('a tensor of the format that belongs to no packed weight', async () => {
    const scales = { dtype: 'F16' as const, shape: [64], data: new Uint16Array(64) };
    const change = ({ weights }: TinyModel) => {
      weights['model.layers.0.mlp.act.scales'] = scales;
    };
    expect(await refusal('awq', {}, change)).toContain('"model.layers.0.mlp.act.scales" belongs to no weight');
  });

  test('a missing part, and one of another shape', async () => {
    const name = 'model.layers.0.mlp.up_proj';
    const without = ({ weights }: TinyModel) => {
      delete weights[`${name}.qzeros`];
    };
    expect(await refusal('gptq-int4', {}, without)).toContain(`the packed weights lack "${name}.qzeros"`);
    const shorter = ({ weights }: TinyModel) => {
      weights[`${name}.SCB`] = { dtype: 'F32', shape: [63], data: new Float32Array(63) };
    };
    expect(await refusal('bnb-int8', {}, shorter)).toContain(`"${name}.SCB" has shape [63]`);
  });

  test('a Conv1D of GPT-2, which lies the other way round', async () => {
    const model = goldenModel(readGolden('gpt2'));
    const name = 'transformer.h.0.attn.c_attn';
    model.config.quantization_config = { quant_method: 'bitsandbytes', load_in_8bit: true };
    model.weights[`${name}.weight`] = { dtype: 'I8', shape: [48, 16], data: new Int8Array(768) };
    model.weights[`${name}.SCB`] = { dtype: 'F32', shape: [48], data: new Float32Array(48) };
    expect(await messageOf(open(await writeTiny(files.path('conv1d'), { model })))).toContain(
      'stored as llm.int8, the other way round than this class (Conv1D) has it',
    );
  });

  test('an order of inputs that names a group that is not there', async () => {
    const name = 'model.layers.0.mlp.up_proj.g_idx';
    const at = await write(
      'gptq-int4-act-order',
      ({ weights }) => {
        (weights[name]!.data as Int32Array)[5] = 9;
      },
      '-order',
    );
    const model = await open(at);
    expect(await messageOf(forward(model, ids))).toContain('input 5 of a GPTQ weight is in group 9');
    await model.close();
  });
});
