import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGraph, encodeModel, type GraphBuilder, type Value } from '@sonde/onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classify, openClassifier } from '../src/index.ts';
import { numbers, scratch, TINY, writeTiny } from './tiny.ts';

const { vocabSize, hiddenSize: d } = TINY;
const LABELS = 3;
const EMBEDDING = numbers(1, vocabSize * d, 1);
const HEAD = numbers(2, d * LABELS, 1);
const SEQUENCES = [[5, 80, 3], [7], [250, 0, 4, 6, 9, 9]];

/** Logits of the mean of a sequence's embeddings. */
function byHand(ids: readonly number[]): number[] {
  const mean = Array.from(
    { length: d },
    (_, i) => ids.reduce((sum, id) => sum + EMBEDDING[id * d + i]!, 0) / ids.length,
  );
  return Array.from({ length: LABELS }, (_, label) =>
    mean.reduce((sum, x, i) => sum + x * HEAD[i * LABELS + label]!, 0),
  );
}

/** What an exporter makes of such a classifier. */
interface Exported {
  readonly mask?: boolean;
  readonly inputs?: readonly string[];
  readonly half?: boolean;
  readonly output?: string;
  readonly width?: number;
}

function graphOf({ mask = true, inputs = [], half = false, output = 'logits', width = LABELS }: Exported) {
  const g = buildGraph('main_graph');
  g.input('input_ids', 'int64', ['batch', 'sequence']);
  if (mask) g.input('attention_mask', 'int64', ['batch', 'sequence']);
  for (const name of inputs) g.input(name, 'int64', ['batch', 'sequence']);
  const words = g.node('Gather', [g.constant(EMBEDDING, [vocabSize, d]), 'input_ids']);
  const mean = mask ? maskedMean(g, words) : g.node('ReduceMean', [words], { axes: [1], keepdims: 0 });
  const logits = g.node('MatMul', [mean, g.constant(HEAD, [d, LABELS])]);
  g.output(output, half ? g.node('Cast', [logits], { to: 10 }) : logits, half ? 'float16' : 'float32', [
    'batch',
    width,
  ]);
  return g.finish();
}

function maskedMean(g: GraphBuilder, words: Value): Value {
  const seen = g.node('Unsqueeze', [g.node('Cast', ['attention_mask'], { to: 1 }), g.constant([2])]);
  const sum = g.node('ReduceSum', [g.node('Mul', [words, seen]), g.constant([1])], { keepdims: 0 });
  return g.node('Div', [sum, g.node('ReduceSum', [seen, g.constant([1])], { keepdims: 0 })]);
}

describe('a ready graph of a classifier', () => {
  let files: Awaited<ReturnType<typeof scratch>>;
  beforeAll(async () => {
    files = await scratch();
  });
  afterAll(() => files.remove());

  async function open(name: string, exported: Exported = {}) {
    const config = {
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'a', 1: 'b', 2: 'c' },
      pad_token_id: 0,
    };
    const folder = await writeTiny(files.path(name), { config });
    await rm(join(folder, 'model.safetensors'));
    await mkdir(join(folder, 'onnx'));
    const model = { irVersion: 7, producerName: 'test', opsets: { '': 14 }, graph: graphOf(exported) };
    await writeFile(join(folder, 'onnx', 'model.onnx'), encodeModel(model));
    return openClassifier(folder, { device: 'cpu', threads: 1 });
  }

  test.each([
    ['with a mask', {}, 1e-5],
    ['without a mask', { mask: false }, 1e-5],
    ['with token types', { inputs: ['token_type_ids'] }, 1e-5],
    ['with logits in half precision', { half: true }, 1e-2],
  ])('%s gives its logits, in one batch and one by one', async (name, exported, most) => {
    const model = await open(name.replaceAll(' ', '-'), exported);
    expect(model.config).toMatchObject({ labels: ['a', 'b', 'c'], problem: null, vocabSize });
    const together = await classify(model, SEQUENCES);
    for (const [i, ids] of SEQUENCES.entries()) {
      const alone = await classify(model, [ids]);
      for (const found of [together.subarray(i * LABELS, (i + 1) * LABELS), alone]) {
        expect(Math.max(...byHand(ids).map((value, label) => Math.abs(found[label]! - value)))).toBeLessThan(most);
      }
    }
    await model.close();
  });

  test('that is of another kind, or is to be changed inside, is refused', async () => {
    await expect(open('strange', { inputs: ['past_key'] })).rejects.toThrow(
      /cannot be used as a classifier: it has an input past_key/,
    );
    await expect(open('hidden', { output: 'last_hidden_state' })).rejects.toThrow(
      /no output logits, but last_hidden_state/,
    );
    await expect(open('wide', { width: 5 })).rejects.toThrow(/has 5 logits, and config.json 3 labels/);
    const model = await open('inside');
    const bypass = { interventions: [{ kind: 'bypass', layers: [0] }] } as const;
    await expect(classify(model, SEQUENCES, bypass)).rejects.toThrow();
    await model.close();
    await expect(openClassifier(model.folder, { device: 'cpu', threads: 1, dtype: 'float16' })).rejects.toThrow(
      /holds a ready graph, which runs as it is; dtype/,
    );
  });
});
