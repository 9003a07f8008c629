import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';

export const TINY = { layers: 3, hiddenSize: 16, vocabSize: 258, heads: 4, keyValueHeads: 2, intermediateSize: 24 };
export const EOS = 257;

/** A byte-level tokenizer without merges: one token a byte, then <bos> and <eos>. */
export function byteTokenizer(withBos: boolean): Record<string, unknown> {
  const vocab: Record<string, number> = {};
  let [next, id] = [256, 0];
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    vocab[String.fromCodePoint(printable ? byte : next++)] = id++;
  }
  const special = (content: string, at: number) => ({
    id: at,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const bos = [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
  return {
    version: '1.0',
    added_tokens: [special('<bos>', 256), special('<eos>', 257)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: withBos
      ? {
          type: 'TemplateProcessing',
          single: bos,
          pair: bos,
          special_tokens: { '<bos>': { id: '<bos>', ids: [256], tokens: ['<bos>'] } },
        }
      : null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: { ...vocab, '<bos>': 256, '<eos>': 257 }, merges: [] },
  };
}

/** Random numbers in ±scale. */
export function numbers(seed: number, count: number, scale: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * scale;
  });
}

/** A whole configuration, and weights by name. */
export interface TinyModel {
  readonly config: Record<string, unknown>;
  readonly weights: Record<string, TensorEntry>;
}

export interface TinyOptions {
  /** A small Llama if not given. */
  readonly model?: TinyModel;
  /** Changes of the configuration. */
  readonly config?: Record<string, unknown>;
  readonly eos?: readonly number[];
  readonly withBos?: boolean;
  /** Changes the weights before they are written. */
  readonly change?: (weights: Record<string, TensorEntry>) => void;
}

/** Random weights of a small Llama, scaled so that every part shows in the result. */
export function randomWeights(): Record<string, TensorEntry> {
  const { layers, hiddenSize: d, vocabSize, heads, keyValueHeads, intermediateSize: f } = TINY;
  const size = d / heads;
  const shapes: Record<string, number[]> = {
    'model.embed_tokens.weight': [vocabSize, d],
    'lm_head.weight': [vocabSize, d],
    'model.norm.weight': [d],
  };
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes[`${at}.input_layernorm.weight`] = [d];
    shapes[`${at}.post_attention_layernorm.weight`] = [d];
    shapes[`${at}.self_attn.q_proj.weight`] = [heads * size, d];
    shapes[`${at}.self_attn.k_proj.weight`] = [keyValueHeads * size, d];
    shapes[`${at}.self_attn.v_proj.weight`] = [keyValueHeads * size, d];
    shapes[`${at}.self_attn.o_proj.weight`] = [d, heads * size];
    shapes[`${at}.mlp.gate_proj.weight`] = [f, d];
    shapes[`${at}.mlp.up_proj.weight`] = [f, d];
    shapes[`${at}.mlp.down_proj.weight`] = [d, f];
  }
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const data = numbers(
        i + 1,
        shape.reduce((a, b) => a * b),
        name === 'lm_head.weight' ? 0.8 : 0.6,
      );
      return [name, { dtype: 'F32', shape, data: shape.length === 1 ? data.map((x) => 1 + x) : data } as TensorEntry];
    }),
  );
}

/** A small Llama of random weights. */
function tinyLlama(): TinyModel {
  return {
    config: {
      architectures: ['LlamaForCausalLM'],
      hidden_size: TINY.hiddenSize,
      intermediate_size: TINY.intermediateSize,
      num_hidden_layers: TINY.layers,
      num_attention_heads: TINY.heads,
      num_key_value_heads: TINY.keyValueHeads,
      vocab_size: TINY.vocabSize,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      bos_token_id: 256,
    },
    weights: randomWeights(),
  };
}

/** Writes a checkpoint in the hub's layout. @returns its folder */
export async function writeTiny(folder: string, options: TinyOptions = {}): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { config, weights } = options.model ?? tinyLlama();
  options.change?.(weights);
  const withBos = options.withBos !== false;
  const json = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  await json('config.json', { ...config, ...(withBos ? {} : { bos_token_id: null }), ...options.config });
  await json('generation_config.json', { eos_token_id: options.eos ?? [EOS] });
  await json('tokenizer.json', byteTokenizer(withBos));
  // As it is, whatever tokenizers models of the kind have.
  const tokenizer = { tokenizer_class: 'PreTrainedTokenizerFast' };
  await json('tokenizer_config.json', withBos ? { ...tokenizer, bos_token: '<bos>', eos_token: '<eos>' } : tokenizer);
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
  return folder;
}

/** A folder for a test file's checkpoints, and its removal. */
export async function scratch(): Promise<{ path: (name: string) => string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-engine-test-'));
  return { path: (name) => join(folder, name), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A prompt that is its own rendering. */
export function plain(id: string, text: string) {
  return { id, rendered: text, spanStart: 0, spanEnd: [...text].length };
}
