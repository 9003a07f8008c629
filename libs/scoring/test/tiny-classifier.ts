import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';

const d = 8;
const VOCABULARY = 258;
/** The longest sequence, its two special tokens included. */
export const POSITIONS = 32;

function random(seed: number, count: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** One token a byte, [CLS] before a text and [SEP] behind it. */
function byteTokenizer(special: boolean): Record<string, unknown> {
  const vocab: Record<string, number> = {};
  let [next, id] = [256, 0];
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    vocab[String.fromCodePoint(printable ? byte : next++)] = id++;
  }
  const names = { '[CLS]': 256, '[SEP]': 257 };
  const token = ([content, at]: [string, number]) => ({
    id: at,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const around = ['[CLS]', null, '[SEP]'].map((name) =>
    name === null ? { Sequence: { id: 'A', type_id: 0 } } : { SpecialToken: { id: name, type_id: 0 } },
  );
  const ids = Object.entries(names).map(([name, at]) => [name, { id: name, ids: [at], tokens: [name] }]);
  return {
    version: '1.0',
    added_tokens: Object.entries(names).map(token),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: special
      ? { type: 'TemplateProcessing', single: around, pair: around, special_tokens: Object.fromEntries(ids) }
      : null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: { ...vocab, ...names }, merges: [] },
  };
}

/** Writes a small DistilBERT of random weights. @param special whether its tokenizer adds special tokens */
export async function writeClassifier(folder: string, labels: readonly string[], special = true): Promise<string> {
  const at = 'distilbert.transformer.layer.0';
  const linear = (name: string, out: number, input: number): [string, number[]][] => [
    [`${name}.weight`, [out, input]],
    [`${name}.bias`, [out]],
  ];
  const shapes: [string, number[]][] = [
    ['distilbert.embeddings.word_embeddings.weight', [VOCABULARY, d]],
    ['distilbert.embeddings.position_embeddings.weight', [POSITIONS, d]],
    ...['distilbert.embeddings.LayerNorm', `${at}.sa_layer_norm`, `${at}.output_layer_norm`].flatMap(
      (name): [string, number[]][] => [
        [`${name}.weight`, [d]],
        [`${name}.bias`, [d]],
      ],
    ),
    ...['q_lin', 'k_lin', 'v_lin', 'out_lin'].flatMap((name) => linear(`${at}.attention.${name}`, d, d)),
    ...linear(`${at}.ffn.lin1`, 12, d),
    ...linear(`${at}.ffn.lin2`, d, 12),
    ...linear('pre_classifier', d, d),
    ...linear('classifier', labels.length, d),
  ];
  const weights = shapes.map(([name, shape], i): [string, TensorEntry] => [
    name,
    {
      dtype: 'F32',
      shape,
      data: random(
        i + 1,
        shape.reduce((a, b) => a * b),
      ),
    },
  ]);
  await mkdir(folder, { recursive: true });
  const json = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  await json('config.json', {
    architectures: ['DistilBertForSequenceClassification'],
    dim: d,
    hidden_dim: 12,
    n_layers: 1,
    n_heads: 2,
    vocab_size: VOCABULARY,
    max_position_embeddings: POSITIONS,
    problem_type: 'multi_label_classification',
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
  });
  await json('tokenizer.json', byteTokenizer(special));
  await json('tokenizer_config.json', { model_max_length: 512 });
  await writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(weights));
  return folder;
}
