import type { TensorEntry } from '@sonde/tensors';
import { numbers, type TinyModel } from './tiny.ts';

export const BERT = { layers: 2, hiddenSize: 12, vocabSize: 258, heads: 3, intermediateSize: 20, positions: 32 };
export const LABELS = ['kind', 'rude', 'odd'];

type Weights = Readonly<Record<string, TensorEntry>>;

/** Numbers in rows, as float64. */
type Matrix = number[][];

function shapes(): Record<string, number[]> {
  const { hiddenSize: d, intermediateSize: f } = BERT;
  const all: Record<string, number[]> = {
    'bert.embeddings.word_embeddings.weight': [BERT.vocabSize, d],
    'bert.embeddings.position_embeddings.weight': [BERT.positions, d],
    'bert.embeddings.token_type_embeddings.weight': [2, d],
    'bert.pooler.dense.weight': [d, d],
    'bert.pooler.dense.bias': [d],
    'classifier.weight': [LABELS.length, d],
    'classifier.bias': [LABELS.length],
  };
  const linear = (name: string, output: number, input: number): void => {
    all[`${name}.weight`] = [output, input];
    all[`${name}.bias`] = [output];
  };
  const norms = ['bert.embeddings.LayerNorm'];
  for (let layer = 0; layer < BERT.layers; layer++) {
    const at = `bert.encoder.layer.${layer}`;
    for (const name of ['query', 'key', 'value']) linear(`${at}.attention.self.${name}`, d, d);
    linear(`${at}.attention.output.dense`, d, d);
    linear(`${at}.intermediate.dense`, f, d);
    linear(`${at}.output.dense`, d, f);
    norms.push(`${at}.attention.output.LayerNorm`, `${at}.output.LayerNorm`);
  }
  for (const name of norms) all[`${name}.weight`] = all[`${name}.bias`] = [d];
  return all;
}

/** A small BERT of random weights. */
export function tinyBert(): TinyModel {
  const weights = Object.entries(shapes()).map(([name, shape], i): [string, TensorEntry] => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = numbers(i + 1, count, 0.7);
    return [name, { dtype: 'F32', shape, data: name.includes('Norm.weight') ? data.map((x) => 1 + x) : data }];
  });
  return {
    config: {
      architectures: ['BertForSequenceClassification'],
      hidden_size: BERT.hiddenSize,
      intermediate_size: BERT.intermediateSize,
      num_hidden_layers: BERT.layers,
      num_attention_heads: BERT.heads,
      vocab_size: BERT.vocabSize,
      max_position_embeddings: BERT.positions,
      type_vocab_size: 2,
      layer_norm_eps: 1e-12,
      hidden_act: 'relu',
      problem_type: 'single_label_classification',
      id2label: Object.fromEntries(LABELS.map((label, i) => [i, label])),
    },
    weights: Object.fromEntries(weights),
  };
}

/** What the paper's formulas make of one sequence, in float64. */
export function bertByHand(weights: Weights, ids: readonly number[]): number[] {
  const rowsOf = (name: string): Matrix => {
    const { shape, data } = weights[name]!;
    const width = shape.at(-1)!;
    const flat = Array.from(data as Float32Array);
    return Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width));
  };
  const vector = (name: string): number[] => rowsOf(name)[0]!;
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const linear = (name: string, x: Matrix): Matrix => {
    const [rows, bias] = [rowsOf(`${name}.weight`), vector(`${name}.bias`)];
    return x.map((token) => rows.map((row, o) => dot(row, token) + bias[o]!));
  };
  const norm = (name: string, x: Matrix): Matrix => {
    const [scale, shift] = [vector(`${name}.weight`), vector(`${name}.bias`)];
    return x.map((token) => {
      const mean =
        dot(
          token,
          token.map(() => 1),
        ) / token.length;
      const centred = token.map((value) => value - mean);
      const deviation = Math.sqrt(dot(centred, centred) / token.length + 1e-12);
      return centred.map((value, i) => (value / deviation) * scale[i]! + shift[i]!);
    });
  };
  const add = (a: Matrix, b: Matrix): Matrix => a.map((row, t) => row.map((value, i) => value + b[t]![i]!));
  const attention = (at: string, x: Matrix): Matrix => {
    const size = BERT.hiddenSize / BERT.heads;
    const [query, key, value] = ['query', 'key', 'value'].map((name) => linear(`${at}.attention.self.${name}`, x));
    return x.map((_, t) =>
      Array.from({ length: BERT.heads }, (__, head) => {
        const part = (row: readonly number[]): number[] => row.slice(head * size, (head + 1) * size);
        const scores = key!.map((row) => Math.exp(dot(part(query![t]!), part(row)) / Math.sqrt(size)));
        const total = scores.reduce((sum, score) => sum + score, 0);
        return Array.from({ length: size }, (___, i) =>
          value!.reduce((sum, row, s) => sum + (scores[s]! / total) * part(row)[i]!, 0),
        );
      }).flat(),
    );
  };
  const tables = ['word', 'position', 'token_type'].map((name) => rowsOf(`bert.embeddings.${name}_embeddings.weight`));
  const [words, positions, types] = tables as [Matrix, Matrix, Matrix];
  const embedded = ids.map((id, t) => words[id]!.map((value, i) => value + positions[t]![i]! + types[0]![i]!));
  let x = norm('bert.embeddings.LayerNorm', embedded);
  for (let layer = 0; layer < BERT.layers; layer++) {
    const at = `bert.encoder.layer.${layer}`;
    x = norm(`${at}.attention.output.LayerNorm`, add(x, linear(`${at}.attention.output.dense`, attention(at, x))));
    const wide = linear(`${at}.intermediate.dense`, x).map((row) => row.map((value) => Math.max(0, value)));
    x = norm(`${at}.output.LayerNorm`, add(x, linear(`${at}.output.dense`, wide)));
  }
  const pooled = linear('bert.pooler.dense', [x[0]!]).map((row) => row.map(Math.tanh));
  return linear('classifier', pooled)[0]!;
}
