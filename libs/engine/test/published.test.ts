import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { openSafetensors, readTensor, type TensorEntry } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkModel, forward, generate, type Model, type OpenOptions, openModel } from '../src/index.ts';
import { fill, type Golden, writeGoldenAdapter } from './goldens.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, type TinyModel, writeTiny } from './tiny.ts';

/** A checkpoint as another program stores it: see `tools/goldens/published.py`. */
type Published = Golden & { readonly stored: 'F32' | 'BF16' };

const folder = join(import.meta.dirname, 'published');
const NAMES = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

function read(name: string): Published {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

async function readPacked(name: string): Promise<Record<string, TensorEntry>> {
  const file = await openSafetensors(join(folder, `${name}.safetensors`));
  const entries = [...file.tensors.keys()].map(async (key) => [key, await readTensor(file, key)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Plain weights from the generator, and the packed ones of the file. */
async function published(name: string): Promise<TinyModel> {
  const { config, stored, weights } = read(name);
  const packed = await readPacked(name);
  const isPacked = (weight: string) =>
    Object.keys(packed).some((key) => key.startsWith(weight.slice(0, -'weight'.length)));
  const own = Object.entries(fill(weights, 1, 0.3)).filter(([weight]) => !isPacked(weight));
  const rounded = own.map(([weight, entry]) => [weight, { ...entry, dtype: stored }] as const);
  return { config, weights: { ...Object.fromEntries(rounded), ...packed } };
}

async function write(name: string, change?: (model: TinyModel) => void, suffix = ''): Promise<string> {
  const model = await published(name);
  change?.(model);
  return writeTiny(files.path(`${name}${suffix}`), { model });
}

const open = (at: string, options: OpenOptions = {}): Promise<Model> =>
  openModel(at, { threads: 1, device: 'cpu', ...options });

async function expectGolden(model: Model, golden: Published, expected: Pick<Golden, 'last_residual' | 'logits'>) {
  const { lastResidual, logits } = await forward(model, golden.ids);
  const d = model.config.hiddenSize;
  const states = golden.tokens.flatMap((t) => Array.from(lastResidual.subarray(t * d, (t + 1) * d)));
  expect(relativeError(states, expected.last_residual)).toBeLessThan(1e-5);
  expect(relativeError(logits.subarray(-expected.logits.length), expected.logits)).toBeLessThan(1e-5);
  await model.close();
}

describe.each(NAMES)('%s', (name) => {
  const golden = read(name);

  test('gives the states and logits of the program that it is for', async () => {
    await expectGolden(await open(await write(name)), golden, golden);
  });

  if (golden.adapter)
    test('with a LoRA adapter on top, too', async () => {
      const adapter = await writeGoldenAdapter(files.path(`${name}-adapter`), golden);
      await expectGolden(await open(await write(name), { adapter }), golden, golden.adapter!);
    });
});
