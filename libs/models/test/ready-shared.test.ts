import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel, type TensorValue } from '@sonde/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capture, forward, generate, listModelFiles, type Model, openModel, perplexity } from '../src/index.ts';
import { relativeError } from './shared.ts';
import { byteTokenizer, plain, scratch } from './tiny.ts';

const shared = join(import.meta.dirname, '../../../../shared/data/onnx');
const IDS = [5, 17, 42, 9, 77, 3, 250];

/** float16 bits as numbers. */
function halves(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (word) => {
    const [exponent, fraction] = [(word >> 10) & 31, word & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return word & 0x8000 ? -size : size;
  });
}

/** Logits of the graph as its exporter wrote it, by ONNX Runtime alone. */
async function untouched(file: string, ids: readonly number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(file);
  const feeds: Record<string, Tensor> = {};
  for (const input of session.inputMetadata) {
    if (!input.isTensor) throw new Error(input.name);
    const { name, type } = input;
    if (name.startsWith('past')) {
      const dims = input.shape.map((size) => (typeof size === 'number' ? size : size.includes('past') ? 0 : 1));
      const empty = type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
      feeds[name] = new Tensor(type as 'float32', empty as Float32Array, dims);
    } else {
      const values = name === 'input_ids' ? ids : ids.map((_, t) => (name === 'position_ids' ? t : 1));
      feeds[name] =
        type === 'int32'
          ? new Tensor('int32', Int32Array.from(values), [1, ids.length])
          : new Tensor('int64', BigInt64Array.from(values, BigInt), [1, ids.length]);
    }
  }
  const { logits } = await session.run(feeds);
  await session.release();
  return logits!.type === 'float16' ? halves(logits!.data as unknown as Uint16Array) : (logits!.data as Float32Array);
}

describe.skipIf(!existsSync(shared))('ready graphs of other exporters (../shared)', () => {
  let files: Awaited<ReturnType<typeof scratch>>;
  const models: Record<string, Model> = {};
  const graphs = { gpt2: 'past.onnx', llama: 'model.onnx' };
  beforeAll(async () => {
    files = await scratch();
    const gpt2 = join(shared, 'tiny-random-gpt2-fp32');
    const folder = files.path('gpt2');
    await mkdir(folder);
    for (const name of await readdir(gpt2)) await copyFile(join(gpt2, name), join(folder, name));
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer(false)));
    models.gpt2 = await openModel(folder, { threads: 1, device: 'cpu' });
    models.llama = await openModel(join(shared, 'tiny-random-llama-fp16'), { threads: 1, device: 'cpu' });
  });
  afterAll(async () => {
    for (const model of Object.values(models)) await model.close();
    await files.remove();
  });

  test('are described', () => {
    console.log(models.gpt2!.config, models.llama!.config);
  });

  test.each(['gpt2', 'llama'] as const)(
    '%s: the logits are those of the untouched graph, bit for bit',
    async (name) => {
      const { logits } = await forward(models[name]!, IDS);
      const expected = await untouched(join(models[name]!.folder, graphs[name]), IDS);
      console.log(relativeError(logits, expected));
      expect(relativeError(logits, expected)).toBeLessThan(name === 'gpt2' ? 1e-12 : 1e-3);
    },
  );

  test.each(['gpt2', 'llama'] as const)('%s generates', async (name) => {
    const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
    const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
    const model = models[name]!;
    const out = await generate(model, prompts, {
      num_return_sequences: 3,
      max_new_tokens: 12,
      top_p: 0.9,
      seed: 3,
      capture: all,
    });
    console.log(out.continuations.map((c) => c.text + ' ' + c.logprob));
    const forced = await capture(
      model,
      out.continuations.map(({ promptId, tokenIds }) => ({
        prompt: prompts.find(({ id }) => id === promptId)!,
        continuation: { tokenIds },
      })),
      all,
    );
    for (const pool of ['continuation', 'last', 'max'] as const)
      console.log(pool, relativeError(out.states!.pools[pool]!.data, forced.pools[pool]!.data));
  });
});
void decodeModel;
void listModelFiles;
void perplexity;
void symlink;
void readFile;
void ({} as TensorValue);
