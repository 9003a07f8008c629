import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { openStates } from '@sonde/formats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { artifact, runStep, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

it('a model reads texts by people with its own tokenizer, and leaves those without a text out', async () => {
  const model = artifact('model', resolveEmbedded('parlour-kind').path);
  const sampled = await runStep('prompts/sample', folder, {
    source: artifact('table', resolveEmbedded('parlour-prompts').path),
    count: 2,
  });
  const [first, second] = (await sampled.rows('prompts')).map(({ prompt_id }) => prompt_id);
  const file = path.join(folder, 'texts.jsonl');
  const texts = [
    { prompt_id: first, sample: 0, text: ' and had some tea.' },
    { prompt_id: first, sample: 1, text: '' },
    { prompt_id: second, sample: 0, text: ' and went home.' },
  ];
  await writeFile(file, texts.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const config = { model, prompts: artifact('table', sampled.path('prompts')), continuations: artifact('table', file) };
  const read = await runStep('activations/capture', folder, { ...config, tokenize: true });
  expect(read.warnings).toEqual(['1 of 3 continuations have no text, so no state, and are left out']);
  const states = await openStates(read.path('states'));
  // A shard says nothing of the rows that it leaves out: the whole is known where shards are joined.
  const shard = await runStep(
    'activations/capture',
    folder,
    { ...config, tokenize: true },
    { shard: { start: 0, end: 1 } },
  );
  expect(shard.warnings).toEqual([]);
  const { combine } = await STEP_KINDS.get('activations/capture')!.load();
  const said: string[] = [];
  await combine!({
    config: { ...config, tokenize: true },
    parts: [{ states: shard.path('states') }],
    output: (name) => path.join(folder, `combined-${name}`),
    log: (_, message) => said.push(message),
  });
  expect(said).toEqual(read.warnings);
  expect(states.rowsOf('prompt').map(({ promptId }) => promptId)).toEqual([first, second]);
  expect(states.rowsOf('continuation')).toMatchObject([
    { promptId: first, sample: 0 },
    { promptId: second, sample: 0 },
  ]);
  await expect(runStep('activations/capture', folder, config)).rejects.toThrow('token_ids');
});
