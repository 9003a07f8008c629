import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { causalMask, noChanges, PLAIN, TRIES } from '@sonde/networks';
import { openSafetensors, readFloat32, readTensor, type SafetensorsFile } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  drawReference,
  forward,
  generate,
  type Intervention,
  type Model,
  nucleusOf,
  openModel,
  perplexity,
} from '../src/index.ts';
import { internalsOf } from '../src/model.ts';
import { fixtures, hasShared, relativeError } from './shared.ts';
import { plain, scratch } from './tiny.ts';

interface SamplingCase {
  text: number;
  top_p: number;
  temperature: number;
  nucleus: number;
  u: number[];
  token: number[];
}

interface Golden {
  texts: string[];
  eos: number;
  /** Null for a text of one token, which predicts nothing. */
  perplexity: (number | null)[];
  sampling?: SamplingCase[];
  sampled?: { text: number; top_p: number; temperature: number; u: number[][]; tokens: number[][]; decoded: string[] };
  greedy_from_bos_text?: string;
}

const TOLERANCE = 1e-4;

const CHECKPOINTS = [
  'models/gpt2',
  'models/llama2-bf16',
  'models/llama3-sharded-tied',
  'models/mistral-sliding-fp16',
  'models/neox-sequential',
  'models/olmo1-clip',
  'models/olmo2',
  'models/pythia-parallel',
  'models/qwen2-bias',
  'models/qwen3-qknorm',
  'models/stories260K',
  'more-models/bloom-alibi',
  'more-models/deepseek-v3-mla',
  'more-models/falcon-40b-like',
  'more-models/falcon-7b-like',
  'more-models/falcon-rw-alibi',
  'more-models/gpt-oss-sinks',
  'more-models/mixtral',
  'more-models/mpt-alibi',
  'more-models/olmoe',
  'more-models/qwen2-moe',
  'more-models/qwen3-moe',
  'more-models/cohere',
  'more-models/cohere2',
  'more-models/gemma',
  'more-models/gemma3-text',
  'more-models/glm4',
  'more-models/gpt-j',
  'more-models/gpt-neo-local',
  'more-models/granite',
  'more-models/nemotron-relu2',
  'more-models/opt-post',
  'more-models/opt-pre',
  'more-models/phi-2',
  'more-models/smollm3-nope',
  'more-models/stablelm',
  'more-models/stablelm-parallel-qknorm',
  'more-models/starcoder2',
];

/** Folders whose results are those of eager attention, where that is another than the one transformers takes of itself. */
const EAGER = ['more-models/falcon-rw-alibi'];

/** A checkpoint as its results were computed. */
async function asComputed(name: string): Promise<string> {
  const folder = join(fixtures, name);
  if (!EAGER.includes(name)) return folder;
  const target = files.path(name.replace('/', '-'));
  await mkdir(target);
  for (const file of await readdir(folder)) await copyFile(join(folder, file), join(target, file));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  await writeFile(join(target, 'config.json'), JSON.stringify({ ...config, attn_implementation: 'eager' }));
  return target;
}

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

describe.skipIf(!hasShared).each(CHECKPOINTS)('%s gives the results of transformers (../shared)', (name) => {
  const folder = join(fixtures, name);
  let model: Model;
  let golden: Golden;
  let tensors: SafetensorsFile;
  const ids = async (key: string) => Array.from((await readTensor(tensors, key)).data as BigInt64Array, Number);
  const numbers = async (key: string) => (await readFloat32(tensors, key)).data;
  beforeAll(async () => {
    model = await openModel(await asComputed(name), { threads: 1, device: 'cpu' });
    golden = JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8'));
    tensors = await openSafetensors(join(folder, 'golden.safetensors'));
  });
  afterAll(() => model.close());

  test('token ids', async () => {
    for (const [t, text] of golden.texts.entries()) {
      expect(model.tokenizer.encode(text)).toEqual(await ids(`ids.${t}`));
    }
  });

  test('hidden states of all layers and logits', async () => {
    for (const t of golden.texts.keys()) {
      const result = await forward(model, await ids(`ids.${t}`));
      expect(relativeError(result.hiddenStates, await numbers(`hidden.${t}`))).toBeLessThan(TOLERANCE);
      expect(relativeError(result.logits, await numbers(`logits.${t}`))).toBeLessThan(TOLERANCE);
      if (tensors.tensors.has(`raw_last.${t}`)) {
        expect(relativeError(result.lastResidual, await numbers(`raw_last.${t}`))).toBeLessThan(TOLERANCE);
      }
    }
  });

  test('perplexities', async () => {
    const { texts } = await perplexity(model, golden.texts);
    expect(
      relativeError(
        texts.flatMap(({ nll }) => nll ?? []),
        golden.perplexity.flatMap((value) => (value === null ? [] : Math.log(value))),
      ),
    ).toBeLessThan(TOLERANCE);
  });

  test('greedy continuations', async () => {
    const greedy = { do_sample: false, max_new_tokens: 20 };
    if (golden.greedy_from_bos_text !== undefined) {
      const { continuations } = await generate(model, [plain('bos', '')], { ...greedy, max_new_tokens: 200 });
      expect([model.config.bosTokenId, ...continuations[0]!.tokenIds]).toEqual(await ids('greedy_from_bos'));
      expect(continuations[0]!.text).toBe(golden.greedy_from_bos_text);
      return;
    }
    const prompts = golden.texts.map((text, i) => plain(String(i), text));
    const { continuations } = await generate(model, prompts, greedy);
    for (const [t, { tokenIds }] of continuations.entries()) expect(tokenIds).toEqual(await ids(`greedy.${t}`));
  });

  test('layer bypass', async () => {
    if (!tensors.tensors.has('bypass.0.hidden.0')) return;
    for (let layer = 0; layer < model.config.layers; layer++) {
      const interventions: Intervention[] = [{ kind: 'bypass', layers: [layer] }];
      const result = await forward(model, await ids('ids.0'), { interventions });
      const expected = await numbers(`bypass.${layer}.hidden.0`);
      const size = expected.length / (model.config.layers + 1);
      for (let l = 0; l <= model.config.layers; l++) {
        const own = result.hiddenStates.subarray(l * size, (l + 1) * size);
        // The stored state after the bypassed block is what the block had computed before its output was replaced.
        const isReplaced = l === layer + 1 && l < model.config.layers;
        const reference = isReplaced ? result.hiddenStates : expected;
        const at = isReplaced ? l - 1 : l;
        expect(relativeError(own, reference.subarray(at * size, (at + 1) * size))).toBeLessThan(TOLERANCE);
      }
      expect(relativeError(result.logits, await numbers(`bypass.${layer}.logits.0`))).toBeLessThan(TOLERANCE);
    }
  });

  test('sampling: the reference sampler draws the stored tokens, the graph has nuclei of the stored sizes', async () => {
    const { vocabSize, layers } = model.config;
    const engine = await internalsOf(model).engine(PLAIN);
    for (const { text, top_p: topP, temperature, nucleus: size, u, token } of golden.sampling ?? []) {
      const tokens = await ids(`ids.${text}`);
      const { logits } = await forward(model, tokens);
      const { probabilities, nucleus } = nucleusOf(logits.subarray(-vocabSize), temperature, topP);
      expect(nucleus.length).toBe(Math.min(size, vocabSize));
      expect(u.map((number) => drawReference(probabilities, nucleus, number))).toEqual(token);
      if (topP === 1) continue;

      // One row a token, whose first uniform number falls on just that token: it stays if the nucleus has it.
      const uniforms = new Float32Array(vocabSize * TRIES).fill(0.5);
      let cumulative = 0;
      probabilities.forEach((p, id) => {
        uniforms[id * TRIES] = cumulative + p / 2;
        cumulative += p;
      });
      const T = tokens.length;
      const result = await engine.run({
        prompts: 1,
        samples: 1,
        tokens: T,
        inputIds: Int32Array.from(tokens),
        positions: BigInt64Array.from(tokens, (_, t) => BigInt(t)),
        mask: causalMask(engine.sizes, T),
        changes: noChanges(layers),
        head: {
          rows: new Int32Array(vocabSize).fill(T - 1),
          sample: true,
          temperature,
          topK: 0,
          topP,
          penalty: 1,
          uniforms,
        },
      });
      expect(Array.from(result.tokens.keys()).filter((id) => result.tokens[id] === id)).toEqual(nucleus);
    }
  });

  test('sampled sequences and their texts', async () => {
    if (!golden.sampled) return;
    const { text, top_p: topP, temperature, u, tokens, decoded } = golden.sampled;
    for (const [i, uniforms] of u.entries()) {
      const sequence = await ids(`ids.${text}`);
      const drawn: number[] = [];
      for (const number of uniforms) {
        const { logits } = await forward(model, [...sequence, ...drawn]);
        const { probabilities, nucleus } = nucleusOf(logits.subarray(-model.config.vocabSize), temperature, topP);
        drawn.push(drawReference(probabilities, nucleus, number));
        if (drawn.at(-1) === golden.eos) break;
      }
      expect(drawn).toEqual(tokens[i]);
      expect(model.tokenizer.decode(drawn)).toBe(decoded[i]);
    }
  });
});

describe.skipIf(!hasShared)('a LoRA adapter (../shared)', () => {
  test.each(['llama2-bf16', 'qwen2-bias'])('for %s gives the states and logits of PEFT', async (name) => {
    const folder = join(fixtures, 'models', name);
    const model = await openModel(folder, { adapter: join(folder, 'adapter'), threads: 1, device: 'cpu' });
    const tensors = await openSafetensors(join(folder, 'golden.safetensors'));
    const ids = Array.from((await readTensor(tensors, 'ids.3')).data as BigInt64Array, Number);
    const result = await forward(model, ids);
    expect(relativeError(result.hiddenStates, (await readFloat32(tensors, 'lora.hidden.3')).data)).toBeLessThan(
      TOLERANCE,
    );
    expect(relativeError(result.logits, (await readFloat32(tensors, 'lora.logits.3')).data)).toBeLessThan(TOLERANCE);
    await model.close();
  });

  test('for another model is refused, by name', async () => {
    const adapter = join(fixtures, 'models/llama2-bf16/adapter');
    const opening = openModel(join(fixtures, 'models/stories260K'), { adapter, threads: 1, device: 'cpu' });
    await expect(opening).rejects.toThrow(/lora_A.*shape|adapter for another model/);
  });
});
