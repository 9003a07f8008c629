import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGraph, DATA_TYPES, decodeModel, encodeModel } from '@sonde/onnx';
import { float32ToBfloat16, float32ToFloat16, type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forward, generate, type Model, type OpenOptions, openModel } from '../src/index.ts';
import { openModelAs } from '../src/model.ts';
import { sessionOptions } from '../src/session/providers.ts';
import { fill, readGolden } from './goldens.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, type TinyModel, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

type Half = 'F16' | 'BF16';

function halved(entries: Record<string, TensorEntry>, dtype: Half): Record<string, TensorEntry> {
  const narrow = dtype === 'F16' ? float32ToFloat16 : float32ToBfloat16;
  return Object.fromEntries(
    Object.entries(entries).map(([name, { shape, data }]) => [
      name,
      { dtype, shape, data: Uint16Array.from(data as Float32Array, narrow) },
    ]),
  );
}

const FACTOR = 64;
/** Experts, heads. */
const SAME = new Set([3, 4]);
const VOCABULARY = 258;

/** One block of a golden's model, so wide that its weights, and a vocabulary as large, are cast layer by layer. */
function wide(name: string, dtype: Half): TinyModel {
  const { config, weights } = readGolden(name);
  const size = (key: string, by: number) => (key in config ? { [key]: Number(config[key]) * by } : {});
  const shapes = weights
    .filter(([weight]) => !/(layers|h)\.[1-9]\./.test(weight))
    .map(([weight, shape]) => {
      const sizes = shape.map((each, axis) => {
        if (each === VOCABULARY) return 4 * each;
        return SAME.has(each) || (axis === 0 && weight.endsWith('wpe.weight')) ? each : each * FACTOR;
      });
      return [weight, sizes] as const;
    });
  const grown = ['hidden_size', 'intermediate_size', 'head_dim', 'n_embd'].map((key) => size(key, FACTOR));
  const layers = ['num_hidden_layers', 'n_layer'].map((key) => size(key, 1 / 3));
  return {
    config: Object.assign({}, config, size('vocab_size', 4), ...grown, ...layers),
    weights: halved(fill(shapes, 1, 0.03), dtype),
  };
}

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'Some longer text')];
const options = {
  num_return_sequences: 3,
  max_new_tokens: 4,
  top_p: 0.9,
  seed: 5,
  capture: { layers: 'all', pool: ['prompt', 'continuation', 'last'] },
} as const;

const open = (folder: string, more: Partial<OpenOptions> = {}): Promise<Model> =>
  openModel(folder, { threads: 1, device: 'cpu', layerwiseCasting: true, ...more });

/** What a model makes of the first prompts. */
async function madeBy(model: Model, count = prompts.length) {
  const { continuations, states } = await generate(model, prompts.slice(0, count), options);
  const pools = Object.values(states!.residual!.pools).map(({ data }) => Array.from(data));
  const { lastResidual, logits } = await forward(model, [256, 72, 105, 33]);
  await model.close();
  return { tokens: continuations.map(({ tokenIds }) => tokenIds), pools, last: [...lastResidual, ...logits] };
}

describe.each([
  ['llama-odd', 'BF16'],
  ['gpt2', 'F16'],
  ['mixtral', 'BF16'],
] as const)('%s in %s, cast layer by layer', (name, dtype) => {
  let folder: string;
  let cast: Awaited<ReturnType<typeof madeBy>>;
  beforeAll(async () => {
    folder = await writeTiny(files.path(name), { model: wide(name, dtype) });
    cast = await madeBy(await open(folder));
  });

  test('gives what float32 gives', async () => {
    const whole = await madeBy(await open(folder, { layerwiseCasting: false }));
    expect(relativeError(cast.last, whole.last)).toBeLessThan(1e-5);
    expect(cast.last).not.toEqual(whole.last);
    for (const [i, pool] of cast.pools.entries()) expect(relativeError(pool, whole.pools[i]!)).toBeLessThan(1e-4);
    expect(cast.tokens).toEqual(whole.tokens);
  });

  test('results do not depend on threads', async () => {
    expect((await madeBy(await open(folder, { threads: 30 }))).last).toEqual(cast.last);
  });

  test('nor on what else is read, or on the form of decoding', async () => {
    const alone = await madeBy(await open(folder), 1);
    expect(alone.tokens).toEqual(cast.tokens.slice(0, 3));
    for (const [i, pool] of alone.pools.entries())
      expect(relativeError(pool, cast.pools[i]!.slice(0, pool.length))).toBeLessThan(1e-6);
    const loop = await openModelAs(folder, { threads: 1, device: 'cpu', layerwiseCasting: true }, 'loop');
    expect((await madeBy(loop)).tokens).toEqual(cast.tokens);
  });
});

test('an adapter is cast too, and weights that are rounded', async () => {
  const at = await writeTiny(files.path('adapted'), { model: wide('llama-odd', 'BF16') });
  const adapter = files.path('adapter');
  await mkdir(adapter, { recursive: true });
  const low = { r: 1024, lora_alpha: 80, target_modules: ['q_proj'], peft_type: 'LORA', task_type: 'CAUSAL_LM' };
  await writeFile(join(adapter, 'adapter_config.json'), JSON.stringify(low));
  const shapes = ['A', 'B'].map(
    (side) => [`base_model.model.model.layers.0.self_attn.q_proj.lora_${side}.weight`, [1024, 1024]] as const,
  );
  await writeSafetensors(join(adapter, 'adapter_model.safetensors'), halved(fill(shapes, 1001, 0.03), 'BF16'));
  for (const more of [
    { dtype: 'float16', adapter },
    { quantization: 'nf4', adapter },
  ] as const) {
    const cast = await madeBy(await open(at, more));
    const whole = await madeBy(await open(at, { ...more, layerwiseCasting: false }));
    expect(relativeError(cast.last, whole.last)).toBeLessThan(1e-5);
    expect(cast.last).not.toEqual(whole.last);
  }
});

test.each(['float16', 'bfloat16'] as const)(
  'ONNX Runtime leaves casts of large weights in %s to each run',
  async (type) => {
    const folder = files.path(type);
    await mkdir(folder, { recursive: true });
    const size = 200;
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(2 * size * size));
    const where = { location: 'weights.bin', offset: 0, length: 2 * size * size };
    const castsOf = async (kind: 'external' | 'variable'): Promise<number> => {
      const graph = buildGraph('cast');
      const cast = graph.ahead('Cast', [graph[kind]('w', type, [size, size], where)], { to: DATA_TYPES.float32 });
      const x = graph.input('x', 'float32', ['n', size]);
      graph.output('y', graph.node('Gemm', [x, cast], { transB: 1 }), 'float32', ['n', size]);
      const model = { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
      await writeFile(join(folder, 'model.onnx'), encodeModel(model));
      const optimizedModelFilePath = join(folder, 'optimized.onnx');
      const settings = { ...sessionOptions('cpu', 1), optimizedModelFilePath };
      await (await InferenceSession.create(join(folder, 'model.onnx'), settings)).release();
      const { nodes } = decodeModel(await readFile(optimizedModelFilePath)).graph;
      return nodes.filter(({ opType }) => opType === 'Cast').length;
    };
    expect([await castsOf('external'), await castsOf('variable')]).toEqual([0, 1]);
  },
);

test('it is for the CPU, and for float32', async () => {
  const at = await writeTiny(files.path('refused'));
  await expect(open(at, { device: 'cuda' })).rejects.toThrow('layerwise_casting is for the CPU; the device is cuda.');
  await expect(open(at, { compute: 'float16' })).rejects.toThrow('leave compute out');
});
