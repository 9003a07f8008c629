import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noChanges, PLAIN } from '@sonde/networks';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classifierInternals } from '../src/classifier.ts';
import { type ClassifierModel, classify, type OpenOptions, openClassifier, openModel } from '../src/index.ts';
import { fixtures, relativeError } from './shared.ts';
import { numbers, scratch, writeTiny } from './tiny.ts';
import { BERT, bertByHand, LABELS, tinyBert } from './tiny-bert.ts';

const cpu = { device: 'cpu', threads: 1 };

async function withClassifier<T>(
  folder: string,
  use: (model: ClassifierModel) => Promise<T>,
  options: Partial<OpenOptions> = {},
): Promise<T> {
  const model = await openClassifier(folder, { ...cpu, ...options });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const SEQUENCES = [[5, 80, 3, 200, 17, 9], [7], [250, 1, 1, 4], Array.from({ length: 32 }, (_, i) => (i * 37) % 256)];

describe('a BERT classifier', () => {
  let files: Awaited<ReturnType<typeof scratch>>;
  let folder: string;
  beforeAll(async () => {
    files = await scratch();
    folder = await writeTiny(files.path('bert'), { model: tinyBert() });
  });
  afterAll(() => files.remove());

  const all = (model: ClassifierModel): Promise<Float32Array> => classify(model, SEQUENCES);

  test('gives the logits of the formulas, whatever is read beside a sequence', () =>
    withClassifier(folder, async (model) => {
      const { weights } = tinyBert();
      expect(model.config).toMatchObject({
        architecture: 'BertForSequenceClassification',
        labels: LABELS,
        problem: 'single_label_classification',
        maxPositions: BERT.positions,
      });
      const byHand = SEQUENCES.map((ids) => bertByHand(weights, ids));
      expect(relativeError(await all(model), byHand.flat())).toBeLessThan(1e-5);
      for (const [i, ids] of SEQUENCES.entries()) {
        expect(relativeError(await classify(model, [ids]), byHand[i]!)).toBeLessThan(1e-5);
      }
    }));

  test('has its states at every site, those of each layer and of the embedding', () =>
    withClassifier(folder, async (model) => {
      const engine = await classifierInternals(model).engine({ ...PLAIN, sites: ['heads', 'mlp'] });
      const ids = SEQUENCES[0]!;
      const pool = { count: 1, weights: new Float32Array(ids.length).fill(1 / ids.length) };
      const { pooled } = await engine.run({ sequences: [ids], changes: noChanges(BERT.layers), pool });
      expect(pooled).toHaveLength((BERT.layers + 2 + 2 * BERT.layers) * BERT.hiddenSize);
      const last = engine.layout.find('residual', BERT.layers);
      const raw = engine.layout.find('residual_raw', BERT.layers);
      const at = ({ offset, size }: typeof last): Float32Array => pooled.subarray(offset, offset + size);
      expect(at(last)).toEqual(at(raw));
      expect(pooled.every(Number.isFinite)).toBe(true);
    }));

  test('without the MLP of a block is as one whose MLP gives nothing', async () => {
    const model = tinyBert();
    for (const part of ['weight', 'bias'])
      (model.weights[`bert.encoder.layer.1.output.dense.${part}`]!.data as Float32Array).fill(0);
    const expected = await withClassifier(await writeTiny(files.path('no-mlp'), { model }), all);
    const found = await withClassifier(folder, (whole) =>
      classify(whole, SEQUENCES, { interventions: [{ kind: 'bypass_mlp', layers: [1] }] }),
    );
    expect(relativeError(found, expected)).toBeLessThan(1e-6);
  });

  test('with a LoRA adapter is as one with the product added to its weight', async () => {
    const name = 'bert.encoder.layer.0.attention.self.query';
    const { hiddenSize: d } = BERT;
    const [a, b] = [numbers(71, 2 * d, 0.5), numbers(72, d * 2, 0.5)];
    const adapter = files.path('adapter');
    await mkdir(adapter, { recursive: true });
    const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['query'] };
    await writeFile(join(adapter, 'adapter_config.json'), JSON.stringify(config));
    const entries: Record<string, TensorEntry> = {
      [`base_model.model.${name}.lora_A.weight`]: { dtype: 'F32', shape: [2, d], data: a },
      [`base_model.model.${name}.lora_B.weight`]: { dtype: 'F32', shape: [d, 2], data: b },
    };
    await writeSafetensors(join(adapter, 'adapter_model.safetensors'), entries);
    const model = tinyBert();
    const weight = model.weights[`${name}.weight`]!.data as Float32Array;
    for (let row = 0; row < d; row++) {
      for (let column = 0; column < d; column++) {
        weight[row * d + column]! += 2 * (b[row * 2]! * a[column]! + b[row * 2 + 1]! * a[d + column]!);
      }
    }
    const merged = await withClassifier(await writeTiny(files.path('merged'), { model }), all);
    const adapted = await withClassifier(folder, all, { adapter });
    expect(relativeError(adapted, merged)).toBeLessThan(1e-5);
    expect(relativeError(adapted, await withClassifier(folder, all))).toBeGreaterThan(1e-3);
  });

  test('quantised to 8 bits is near itself, and not itself', async () => {
    const whole = await withClassifier(folder, all);
    const quantised = await withClassifier(folder, all, { quantization: 'int8' });
    expect(relativeError(quantised, whole)).toBeLessThan(0.05);
    expect(quantised).not.toEqual(whole);
  });

  test('refuses sequences that it cannot read, and to generate', async () => {
    await withClassifier(folder, async (model) => {
      await expect(classify(model, [[1], []])).rejects.toThrow(/Sequence 1 .* has no token/);
      await expect(classify(model, [[258]])).rejects.toThrow(/has token 258; the vocabulary has 258/);
      const long = new Array<number>(33).fill(1);
      await expect(classify(model, [long])).rejects.toThrow(/has 33 tokens; at most 32 can be read/);
    });
    await expect(openModel(folder, cpu)).rejects.toThrow(/is a classifier, which generates no text/);
    const language = await writeTiny(files.path('language'));
    await expect(openClassifier(language, cpu)).rejects.toThrow(/is a language model, which has no labels/);
  });
});

interface Golden {
  readonly labels: readonly string[];
  readonly problem_type: string | null;
  readonly rows: readonly { readonly ids: readonly number[]; readonly logits: readonly number[] | null }[];
}

const classifiers = join(fixtures, 'classifiers');

describe.skipIf(!existsSync(classifiers)).each(existsSync(classifiers) ? readdirSync(classifiers).sort() : [''])(
  'the classifier %s (../shared)',
  (name) => {
    test('has the labels and logits of transformers, in one batch and one by one', () =>
      withClassifier(join(classifiers, name), async (model) => {
        const golden = JSON.parse(readFileSync(join(classifiers, name, 'golden.json'), 'utf8')) as Golden;
        expect(model.config.labels).toEqual(golden.labels);
        expect(model.config.problem).toBe(golden.problem_type);
        const rows = golden.rows.flatMap(({ ids, logits }) => (logits ? [{ ids, logits }] : []));
        const furthest = (found: Float32Array, expected: readonly number[]): number =>
          expected.reduce((most, value, i) => Math.max(most, Math.abs(found[i]! - value)), 0);
        const together = await classify(
          model,
          rows.map(({ ids }) => ids),
        );
        expect(
          furthest(
            together,
            rows.flatMap(({ logits }) => logits),
          ),
        ).toBeLessThan(1e-5);
        for (const { ids, logits } of rows) expect(furthest(await classify(model, [ids]), logits)).toBeLessThan(1e-5);
      }));
  },
);
