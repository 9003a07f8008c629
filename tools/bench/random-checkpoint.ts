import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { elementCount, float32ToBfloat16, writeSafetensors } from '@sonde/tensors';

const LLAMA = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  rms_norm_eps: 1e-5,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'bfloat16',
};

const SHAPES = {
  /** A Llama of a billion weights, with the vocabulary of an embedded model. */
  billion: {
    ...LLAMA,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 64,
    vocab_size: 640,
    max_position_embeddings: 2048,
    rope_theta: 500_000,
    tie_word_embeddings: true,
  },
  'llama-2-7b': {
    ...LLAMA,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    head_dim: 128,
    vocab_size: 32_000,
    max_position_embeddings: 4096,
    rope_theta: 10_000,
    tie_word_embeddings: false,
  },
};

type Shape = keyof typeof SHAPES;

const SHARD_BYTES = 2 ** 31;

/** Writes a checkpoint of `blocks` blocks with random weights in bfloat16, in shards of at most 2 GiB. */
export async function writeRandomCheckpoint(folder: string, blocks: number, shape: Shape = 'billion'): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const config = { ...SHAPES[shape], num_hidden_layers: blocks };
  const shards = inShards(tensorsOf(config));
  const nameOf = (i: number): string =>
    shards.length === 1 ? 'model.safetensors' : `model-${i + 1}-of-${shards.length}.safetensors`;
  for (const [i, shard] of shards.entries()) {
    const entries = shard.map(([name, { shape, one }]) => {
      return [name, { dtype: 'BF16', shape, data: valuesOf(elementCount(shape), one === true) }] as const;
    });
    await writeSafetensors(path.join(folder, nameOf(i)), Object.fromEntries(entries));
  }
  if (shards.length > 1) {
    const placed = shards.flatMap((shard, i) => shard.map(([name]) => [name, nameOf(i)] as const));
    const index = JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(placed) });
    writeFileSync(path.join(folder, 'model.safetensors.index.json'), index);
  }
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  writeTokenizer(folder, config.vocab_size);
}

type Tensors = Readonly<Record<string, { readonly shape: number[]; readonly one?: boolean }>>;

function tensorsOf(config: (typeof SHAPES)[Shape]): Tensors {
  const { hidden_size: d, intermediate_size: wide, num_key_value_heads: keys, head_dim: size, vocab_size } = config;
  const tensors: Record<string, Tensors[string]> = { 'model.embed_tokens.weight': { shape: [vocab_size, d] } };
  for (let block = 0; block < config.num_hidden_layers; block++) {
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
  tensors['model.norm.weight'] = { shape: [d], one: true };
  if (!config.tie_word_embeddings) tensors['lm_head.weight'] = { shape: [vocab_size, d] };
  return tensors;
}

function inShards(tensors: Tensors): (readonly [string, Tensors[string]])[][] {
  const shards: (readonly [string, Tensors[string]])[][] = [[]];
  let bytes = 0;
  for (const entry of Object.entries(tensors)) {
    const more = 2 * elementCount(entry[1]!.shape);
    if (bytes + more > SHARD_BYTES) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(entry);
    bytes += more;
  }
  return shards;
}

/** An embedded model's tokenizer; further tokens, up to the size of the vocabulary, that no text has. */
function writeTokenizer(folder: string, size: number): void {
  const { path: embedded } = resolveEmbedded('parlour-base');
  const tokenizer = JSON.parse(readFileSync(path.join(embedded, 'tokenizer.json'), 'utf8'));
  const { vocab } = tokenizer.model;
  for (let id = Object.keys(vocab).length; id < size; id++) vocab[`<more ${id}>`] = id;
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  copyFileSync(path.join(embedded, 'tokenizer_config.json'), path.join(folder, 'tokenizer_config.json'));
}

/** Numbers as they are before training, about: ±0.02, or 1 for a norm. */
async function* valuesOf(count: number, one: boolean): AsyncGenerator<Uint16Array> {
  const part = new Uint16Array(Math.min(count, 2 ** 20));
  let state = 1;
  for (let i = 0; i < part.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    part[i] = float32ToBfloat16(one ? 1 : 0.04 * (state / 2 ** 32 - 0.5));
  }
  for (let done = 0; done < count; done += part.length) yield part.subarray(0, Math.min(part.length, count - done));
}
