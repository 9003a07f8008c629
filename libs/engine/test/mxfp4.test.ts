import type { TensorEntry } from '@sonde/tensors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forward, type OpenOptions, openModel } from '../src/index.ts';
import { relativeError } from './shared.ts';
import { numbers, scratch, type TinyModel, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const [HIDDEN, INNER, EXPERTS, LAYERS] = [32, 64, 3, 2];
const IDS = [256, ...Buffer.from('A stone, a bird')];

/** Codes and scales at random, and the numbers that they stand for: sign, two bits of exponent, one of mantissa. */
function packed(seed: number, output: number, input: number) {
  const bytes = Uint8Array.from(numbers(seed, (EXPERTS * output * input) / 2, 1), (x) => (x + 1) * 127.9);
  const scales = Uint8Array.from(numbers(seed + 1, bytes.length / 16, 1), (x) => 122 + 3 * x);
  const decoded = (nibble: number): number => {
    const [exponent, mantissa] = [(nibble >> 1) & 3, nibble & 1];
    const magnitude = exponent === 0 ? mantissa / 2 : (1 + mantissa / 2) * 2 ** (exponent - 1);
    return nibble & 8 ? -magnitude : magnitude;
  };
  const rows = Float32Array.from({ length: bytes.length * 2 }, (_, i) => {
    return decoded((bytes[i >> 1]! >> (4 * (i % 2))) & 15) * 2 ** (scales[i >> 5]! - 127);
  });
  const floats = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const [expert, row, column] = [Math.floor(i / (output * input)), Math.floor(i / input) % output, i % input];
    floats[(expert * input + column) * output + row] = rows[i]!;
  }
  return { bytes, scales, floats };
}

/** The same model with experts in MXFP4 or as the numbers that those stand for. */
function ossModel(isPacked: boolean): TinyModel {
  let seed = 1;
  const weights: Record<string, TensorEntry> = {};
  const float = (name: string, shape: number[], data?: Float32Array): void => {
    const count = shape.reduce((a, b) => a * b);
    const isNorm = name.includes('norm');
    const own = numbers(data ? 0 : seed++, count, 0.5);
    weights[name] = { dtype: 'F32', shape, data: data ?? (isNorm ? own.map((x) => 1 + x) : own) };
  };
  float('model.embed_tokens.weight', [258, HIDDEN]);
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = `model.layers.${layer}`;
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) float(`${at}.${norm}.weight`, [HIDDEN]);
    for (const [name, out, into] of [
      ['q_proj', 32, HIDDEN],
      ['k_proj', 16, HIDDEN],
      ['v_proj', 16, HIDDEN],
      ['o_proj', HIDDEN, 32],
    ] as const) {
      float(`${at}.self_attn.${name}.weight`, [out, into]);
      float(`${at}.self_attn.${name}.bias`, [out]);
    }
    float(`${at}.self_attn.sinks`, [4]);
    float(`${at}.mlp.router.weight`, [EXPERTS, HIDDEN]);
    float(`${at}.mlp.router.bias`, [EXPERTS]);
    for (const [name, out, into] of [
      ['gate_up_proj', 2 * INNER, HIDDEN],
      ['down_proj', HIDDEN, INNER],
    ] as const) {
      const { bytes, scales, floats } = packed(100 * layer + out, out, into);
      const expert = `${at}.mlp.experts.${name}`;
      float(`${expert}_bias`, [EXPERTS, out]);
      if (isPacked) {
        weights[`${expert}_blocks`] = { dtype: 'U8', shape: [EXPERTS, out, into / 32, 16], data: bytes };
        weights[`${expert}_scales`] = { dtype: 'U8', shape: [EXPERTS, out, into / 32], data: scales };
      } else float(expert, [EXPERTS, into, out], floats);
    }
  }
  float('model.norm.weight', [HIDDEN]);
  float('lm_head.weight', [258, HIDDEN]);
  const config = {
    architectures: ['GptOssForCausalLM'],
    vocab_size: 258,
    hidden_size: HIDDEN,
    intermediate_size: INNER,
    num_hidden_layers: LAYERS,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    num_local_experts: EXPERTS,
    num_experts_per_tok: 2,
    sliding_window: 6,
    max_position_embeddings: 64,
    ...(isPacked ? { quantization_config: { quant_method: 'mxfp4' } } : {}),
  };
  return { config, weights };
}

async function run(isPacked: boolean, options: Partial<OpenOptions> = {}) {
  const name = `oss-${isPacked}-${options.quantization}`;
  const folder = await writeTiny(files.path(name), { model: ossModel(isPacked) });
  const model = await openModel(folder, { threads: 1, device: 'cpu', ...options });
  const result = await forward(model, IDS);
  const { parameters } = model.config;
  await model.close();
  return { ...result, parameters };
}

test('weights in MXFP4 give what the numbers that they stand for give', async () => {
  const [own, floats] = [await run(true), await run(false)];
  expect(relativeError(own.hiddenStates, floats.hiddenStates)).toBeLessThan(3e-6);
  expect(relativeError(own.logits, floats.logits)).toBeLessThan(3e-6);
  expect(own.parameters).toBe(floats.parameters);
});

test.each(['nf4', 'int8', 'int4'] as const)('they are quantised to %s as those numbers are', async (quantization) => {
  const [own, floats] = [await run(true, { quantization }), await run(false, { quantization })];
  expect(own.logits).toEqual(floats.logits);
});
