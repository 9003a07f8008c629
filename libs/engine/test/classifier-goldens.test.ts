import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLASSIFIERS } from '@sonde/networks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { classify, openClassifier } from '../src/index.ts';
import { type Golden, goldenModel } from './goldens.ts';
import { scratch, writeTiny } from './tiny.ts';

/** What transformers computes for a classifier, a sequence at a time (`tools/goldens/classifiers.py`). */
interface ClassifierGolden extends Pick<Golden, 'config' | 'weights'> {
  readonly sequences: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
}

const folder = join(import.meta.dirname, 'goldens', 'classifiers');
const names = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

function read(name: string): ClassifierGolden {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

test('every class of classifiers has a golden', () => {
  const tried = names.flatMap((name) => read(name).config.architectures as string[]);
  expect([...new Set(tried)].sort()).toEqual(Object.keys(CLASSIFIERS).sort());
});

describe.each(names)('the classifier %s', (name) => {
  const golden = read(name);

  test('has the labels and logits of transformers, in one batch and one by one', async () => {
    const written = await writeTiny(files.path(name), { model: goldenModel(golden) });
    const model = await openClassifier(written, { device: 'cpu', threads: 1 });
    try {
      const { sequences, logits, config } = golden;
      expect(model.config.labels).toEqual(Object.values(config.id2label as object));
      expect(model.config.problem).toBe(config.problem_type);
      const width = model.config.labels.length;
      const together = await classify(model, sequences);
      for (const [i, expected] of logits.entries()) {
        const alone = await classify(model, [sequences[i]!]);
        // To the bit: scores are kept by text, whatever was read beside it.
        expect(together.slice(i * width, (i + 1) * width)).toEqual(alone);
        expect(Math.max(...expected.map((value, label) => Math.abs(alone[label]! - value)))).toBeLessThan(1e-5);
      }
    } finally {
      await model.close();
    }
  });
});
