import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SITES } from '@sonde/formats/columns';
import type { Graph } from '@sonde/pipeline';
import { openStore, type Store } from '@sonde/store';
import { tableFromRows, writeParquet } from '@sonde/tables';
import { writeSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { textCheck } from '../src/text-check.ts';

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-text-check-'));
  store = await openStore(path.join(folder, 'store'));
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const graph = { tasks: [{ axes: { persona: 'a tailor at the inn' } }] } as unknown as Graph;
const SAID = 'The tailor said that nobody';
let made = 0;

async function inTable(row: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const file = path.join(folder, `${made++}.parquet`);
  await writeParquet(file, tableFromRows([row]));
  return textCheck(graph, store)(await store.artifacts.put('table', file));
}

it.each([
  [
    'scores of prompts with ids',
    { prompt_id: 'p-17 a', sample: 3, 'score.TOXICITY': 0.5, scorer: 'embedded:toxicity' },
  ],
  ['values of an axis, which the pipeline file has too', { prompt_id: 'p', persona: 'a tailor at the inn' }],
])('no text is found in %s', async (_, row) => {
  expect(await inTable(row)).toBeUndefined();
});

it.each([
  ['a column that is none of ours', { prompt_id: 'p', note: 'x' }, 'note'],
  ['ids that are the texts themselves', { prompt_id: SAID, 'score.TOXICITY': 0.5 }, 'prompt_id'],
  ['a reason in the words of a program', { prompt_id: 'p', reason: SAID }, 'reason'],
])('a text is found in %s', async (_, row, column) => {
  expect(await inTable(row)).toBe(`may hold texts, in the column ${column}`);
});

it('a text is found in what is written about tensors', async () => {
  const ownWords = Object.fromEntries(Object.entries(SITES).map(([site, { convention }]) => [site, convention]));
  const states = async (metadata: Readonly<Record<string, string>>) => {
    const tensors = path.join(folder, String(made++));
    await mkdir(tensors);
    const file = path.join(tensors, 'states.safetensors');
    await writeSafetensors(file, { x: { dtype: 'F32', shape: [1], data: new Float32Array(1) } }, metadata);
    return textCheck(graph, store)(await store.artifacts.put('tensors', tensors));
  };
  expect(await states({ layers: '[0, 1]', ...ownWords })).toBeUndefined();
  expect(await states({ first: SAID })).toBe('may hold texts, in the metadata of states.safetensors');
});
