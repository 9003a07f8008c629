import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { writeSafetensors } from '@sonde/tensors';

/** The shape of a Llama of a billion weights, with the vocabulary of an embedded model. */
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  vocab_size: 640,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'bfloat16',
};

/** Writes a checkpoint of `blocks` blocks with random weights in bfloat16: 16 of them have a billion, 2 GB. */
export async function writeRandomCheckpoint(folder: string, blocks: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { hidden_size: d, intermediate_size: wide, num_key_value_heads: keys, head_dim: size, vocab_size } = CONFIG;
  const tensors: Record<string, { shape: number[]; one?: boolean }> = {
    'model.embed_tokens.weight': { shape: [vocab_size, d] },
    'model.norm.weight': { shape: [d], one: true },
  };
  for (let block = 0; block < blocks; block++) {
    const name = (part: string) => `model.layers.${block}.${part}.weight`;
    Object.assign(tensors, {
      [name('self_attn.q_proj')]: { shape: [d, d] },
      [name('self_attn.k_proj')]: { shape: [keys * size, d] },
      [name('self_attn.v_proj')]: { shape: [keys * size, d] },
      [name('self_attn.o_proj')]: { shape: [d, d] },
      [name('mlp.gate_proj')]: { shape: [wide, d] },
      [name('mlp.up_proj')]: { shape: [wide, d] },
      [name('mlp.down_proj')]: { shape: [d, wide] },
      [name('input_layernorm')]: { shape: [d], one: true },
      [name('post_attention_layernorm')]: { shape: [d], one: true },
    });
  }
  const entries = Object.entries(tensors).map(([name, { shape, one }]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'BF16', shape, data: valuesOf(count, one === true) }] as const;
  });
  await writeSafetensors(path.join(folder, 'model.safetensors'), Object.fromEntries(entries));
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...CONFIG, num_hidden_layers: blocks }));
  const { path: embedded } = resolveEmbedded('parlour-base');
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(path.join(embedded, file), path.join(folder, file));
  }
}

/** Numbers as they are before training, about: ±0.02, or 1 for a norm. */
async function* valuesOf(count: number, one: boolean): AsyncGenerator<Float32Array> {
  const part = new Float32Array(Math.min(count, 2 ** 20));
  let state = 1;
  for (let i = 0; i < part.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    part[i] = one ? 1 : 0.04 * (state / 2 ** 32 - 0.5);
  }
  for (let done = 0; done < count; done += part.length) yield part.subarray(0, Math.min(part.length, count - done));
}
