import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listModelFiles, localFolder } from '@sonde/checkpoints';
import { decodeModel } from '@sonde/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capture, forward, generate, type Model, openModel } from '../src/index.ts';
import { relativeError } from './shared.ts';
import { byteTokenizer, plain, scratch } from './tiny.ts';

const shared = join(import.meta.dirname, '../../../../shared/data/onnx');
const NAMES = ['gpt2', 'llama'] as const;
const GRAPHS = { gpt2: 'past.onnx', llama: 'model.onnx' };
/** What half precision leaves of a number; what stands in the graph in float32 must be exact. */
const EXACTNESS = { gpt2: 0, llama: 1e-3 };
/** The last norm and the head, by the names that each exporter gave them. */
const ENDS = {
  gpt2: { scale: 'transformer.h.0.ln_1.weight', bias: 'transformer.h.0.ln_1.bias', head: 'onnx::MatMul_1400' },
  llama: { scale: 'model.layers.2.final_norm_layernorm.weight', bias: null, head: 'lm_head.MatMul.weight' },
};
const IDS = [5, 17, 42, 9, 77, 3, 250];

/** float16 bits as numbers. */
function halves(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (word) => {
    const [exponent, fraction] = [(word >> 10) & 31, word & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return word & 0x8000 ? -size : size;
  });
}

/** Logits of a graph as its exporter wrote it, by ONNX Runtime alone. */
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
      const dims = [1, ids.length];
      if (type === 'int32') feeds[name] = new Tensor('int32', Int32Array.from(values), dims);
      else feeds[name] = new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    }
  }
  const { logits } = await session.run(feeds);
  await session.release();
  return logits!.type === 'float16' ? halves(logits!.data as unknown as Uint16Array) : (logits!.data as Float32Array);
}

/** An initialiser of a folder's graph. */
async function weightOf(folder: string, file: string, name: string): Promise<Float32Array> {
  const { graph } = decodeModel(await readFile(join(folder, file)));
  const { raw, external, dataType } = graph.initializers.find((tensor) => tensor.name === name)!;
  const bytes = external
    ? (await readFile(join(folder, external.location))).subarray(external.offset, external.offset + external.length)
    : raw!;
  const { buffer } = Uint8Array.from(bytes);
  return dataType === 'float16' ? halves(new Uint16Array(buffer)) : new Float32Array(buffer);
}

describe.skipIf(!existsSync(shared))('ready graphs of other exporters (../shared)', () => {
  let files: Awaited<ReturnType<typeof scratch>>;
  const models: Record<string, Model> = {};
  beforeAll(async () => {
    files = await scratch();
    // This graph comes without a tokenizer; any whose ids are in its vocabulary serves.
    const [from, folder] = [join(shared, 'tiny-random-gpt2-fp32'), files.path('gpt2')];
    await mkdir(folder);
    for (const name of await readdir(from)) await copyFile(join(from, name), join(folder, name));
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer(false)));
    models.gpt2 = await openModel(folder, { threads: 1, device: 'cpu' });
    models.llama = await openModel(join(shared, 'tiny-random-llama-fp16'), { threads: 1, device: 'cpu' });
  });
  afterAll(async () => {
    for (const model of Object.values(models)) await model.close();
    await files.remove();
  });

  test('are described by their graphs and genai_config.json', async () => {
    expect(models.gpt2!.config).toMatchObject({ architecture: 'gpt2', layers: 5, hiddenSize: 32, vocabSize: 1000 });
    expect(models.gpt2!.config).toMatchObject({ maxPositions: 512, eosTokenIds: [98] });
    expect(models.llama!.config).toMatchObject({ architecture: 'llama', layers: 2, hiddenSize: 16, vocabSize: 32000 });
    expect(await listModelFiles(await localFolder(models.llama!.folder))).toEqual([
      'genai_config.json',
      'model.onnx',
      'model.onnx.data',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  test.each(NAMES)('%s: the logits are those of the untouched graph', async (name) => {
    const { logits } = await forward(models[name]!, IDS);
    const error = relativeError(logits, await untouched(join(models[name]!.folder, GRAPHS[name]), IDS));
    expect(error).toBeLessThanOrEqual(EXACTNESS[name]);
  });

  test.each(NAMES)('%s: the last state, by norm and head in float64, gives the logits', async (name) => {
    const { folder, config } = models[name]!;
    const { hiddenSize: d, layers, vocabSize } = config;
    const { scale, bias, head } = ENDS[name];
    const read = (weight: string) => weightOf(folder, GRAPHS[name], weight);
    const [gain, matrix, shift] = [await read(scale), await read(head), bias === null ? null : await read(bias)];
    const { hiddenStates, lastResidual, logits } = await forward(models[name]!, IDS);
    const [normed, expected] = [new Float64Array(IDS.length * d), new Float64Array(IDS.length * vocabSize)];
    for (let t = 0; t < IDS.length; t++) {
      const x = Array.from(lastResidual.subarray(t * d, (t + 1) * d));
      const mean = bias === null ? 0 : x.reduce((a, b) => a + b) / d;
      const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d;
      const deviation = Math.sqrt(variance + (name === 'llama' ? 1e-6 : 1e-5));
      x.forEach((value, i) => {
        normed[t * d + i] = ((value - mean) / deviation) * gain[i]! + (shift?.[i] ?? 0);
        for (let v = 0; v < vocabSize; v++) {
          expected[t * vocabSize + v]! += normed[t * d + i]! * matrix[i * vocabSize + v]!;
        }
      });
    }
    const within = Math.max(1e-5, 2 * EXACTNESS[name]);
    expect(relativeError(hiddenStates.subarray(layers * IDS.length * d), normed)).toBeLessThan(within);
    expect(relativeError(logits, expected)).toBeLessThan(within);
  });

  const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
  const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
  const options = { num_return_sequences: 4, max_new_tokens: 12, top_p: 0.9, seed: 3, capture: all };

  test.each(NAMES)('%s: greedy text is that of the untouched graph, read anew for each token', async (name) => {
    const model = models[name]!;
    const { continuations } = await generate(model, prompts, { max_new_tokens: 6, do_sample: false });
    for (const [i, prompt] of prompts.entries()) {
      const ids = model.tokenizer.encode(prompt.rendered);
      for (const token of continuations[i]!.tokenIds) {
        const logits = await untouched(join(model.folder, GRAPHS[name]), ids);
        const last = logits.subarray(-model.config.vocabSize);
        const best = last.reduce((a, b) => Math.max(a, b));
        // In half precision several tokens may be the best.
        expect(best - last[token]!).toBeLessThanOrEqual(EXACTNESS[name] * Math.abs(best));
        ids.push(token);
      }
    }
  });

  test.each(NAMES)('%s: captures the same while generating and by teacher forcing', async (name) => {
    const { continuations, states } = await generate(models[name]!, prompts, options);
    const items = continuations.map(({ promptId, tokenIds }) => ({
      prompt: prompts.find(({ id }) => id === promptId)!,
      continuation: { tokenIds },
    }));
    const forced = await capture(models[name]!, items, all);
    for (const pool of ['continuation', 'last', 'max'] as const) {
      const error = relativeError(states!.residual!.pools[pool]!.data, forced.residual!.pools[pool]!.data);
      expect(error).toBeLessThan(Math.max(1e-5, 2 * EXACTNESS[name]));
    }
  });

  test.each(NAMES)('%s: draws do not depend on what else is in the batch', async (name) => {
    const { continuations } = await generate(models[name]!, prompts, options);
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(models[name]!, [prompt], { ...options, num_return_sequences: 2 });
      const among = continuations.slice(i * 4, i * 4 + 2);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
    }
  });

  test.each(NAMES)('%s: a bypassed block returns its input', async (name) => {
    const d = models[name]!.config.hiddenSize * IDS.length;
    const { hiddenStates } = await forward(models[name]!, IDS, { interventions: [{ kind: 'bypass', layers: [0] }] });
    expect(hiddenStates.slice(d, 2 * d)).toEqual(hiddenStates.slice(0, d));
  });
});
