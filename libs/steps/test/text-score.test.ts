import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { openStore } from '@sonde/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FOLDER_READERS, STEP_KINDS } from '../src/index.ts';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

describe('text/score', () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterAll(() => remove());

  it('scores by the embedded scorer, by words, by columns and by what was recorded', async () => {
    const texts = await tableArtifact(folder, [
      { text_id: 'a', text: 'You idiot', human: 0.75 },
      { text_id: 'b', text: 'Good morning', human: 0 },
      { text_id: 'c', text: '', human: null },
    ]);
    const scored = async (scorer: object) =>
      (await runStep('text/score', folder, { scorer, texts } as never)).rows('scores');
    const embedded = await scored(artifact('scorer', resolveEmbedded('toxicity').path));
    expect(embedded.map((row) => row.outcome)).toEqual(['ok', 'ok', 'empty']);
    expect(await scored({ kind: 'regex', words: { INSULT: ['idiot'] } })).toMatchObject([
      { text_id: 'a', 'score.INSULT': 1, outcome: 'ok', scorer: expect.stringMatching(/^regex:[0-9a-f]{12}$/) },
      { text_id: 'b', 'score.INSULT': 0 },
      { text_id: 'c', 'score.INSULT': 0 },
    ]);
    expect(await scored({ kind: 'column', name: 'people', columns: { TOXICITY: 'human' } })).toMatchObject([
      { 'score.TOXICITY': 0.75, outcome: 'ok', scorer: 'people' },
      { 'score.TOXICITY': 0 },
      { 'score.TOXICITY': null, outcome: 'refused' },
    ]);
    const table = await tableArtifact(folder, [{ text: 'You idiot', 'score.TOXICITY': 0.5 }]);
    expect(await scored({ kind: 'recorded', table })).toMatchObject([
      { 'score.TOXICITY': 0.5, outcome: 'ok' },
      { 'score.TOXICITY': null, outcome: 'not_recorded' },
      { 'score.TOXICITY': null, outcome: 'empty' },
    ]);
  });

  it('takes no text for another thing than an empty one, and asks no scorer about it', async () => {
    const file = path.join(folder, 'none.jsonl');
    await writeFile(
      file,
      '{"text":null,"human":0.5}\n{"text":"","human":0.5}\n{"text":"You fool","human":1}\n{"human":0}\n',
    );
    const texts = artifact('table', file);
    const scored = async (scorer: object) =>
      (await runStep('text/score', folder, { scorer, texts } as never)).rows('scores');
    const words = await scored({ kind: 'regex', words: { INSULT: ['fool'] } });
    expect(words.map((row) => [row.text_id, row.outcome, row['score.INSULT']])).toEqual([
      ['no_text', 'no_text', null],
      ['e3b0c44298fc1c14', 'ok', 0],
      [expect.stringMatching(/^[0-9a-f]{16}$/), 'ok', 1],
      ['no_text', 'no_text', null],
    ]);
    const column = await scored({ kind: 'column', columns: { INSULT: 'human' } });
    expect(column.map((row) => [row.outcome, row['score.INSULT']])).toEqual([
      ['no_text', null],
      ['ok', 0.5],
      ['ok', 1],
      ['no_text', null],
    ]);
    const embedded = await scored(artifact('scorer', resolveEmbedded('toxicity').path));
    expect(embedded.map(({ outcome }) => outcome)).toEqual(['no_text', 'empty', 'ok', 'no_text']);
  });

  it('scores a text once in a store, whoever asks, and writes the same bytes as without one', async () => {
    const scorer = artifact('scorer', resolveEmbedded('toxicity').path);
    const rows = (names: string[]) => names.map((name, i) => ({ text_id: String(i), text: `text ${name}, you fool` }));
    const first = await tableArtifact(folder, rows(['a', 'b', 'a', 'c']));
    const second = await tableArtifact(folder, rows(['c', 'd', 'a']));
    const memory = { store: path.join(folder, 'store'), refresh: false };
    const bytes = async (texts: object, more: object) =>
      readFile((await runStep('text/score', folder, { scorer, texts } as never, more)).path('scores'));
    expect(await bytes(first, { memory })).toEqual(await bytes(first, {}));
    expect(await bytes(second, { memory })).toEqual(await bytes(second, {}));
    const store = await openStore(memory.store, { readOnly: true });
    const { memos } = await store.care.status();
    expect(memos).toMatchObject({ makers: 1, values: 4 });
    await bytes(first, { memory });
    expect((await store.care.status()).memos).toEqual(memos);
    await bytes(first, { memory: { ...memory, refresh: true } });
    expect((await store.care.status()).memos.values).toBe(7);
  });

  it('scores what is hard to score: equal, empty, long, half of a surrogate pair, NUL', async () => {
    const file = path.join(folder, 'hard.jsonl');
    const long = 'You idiot. '.repeat(95_000);
    const texts = ['', '\u0000', 'You\u0000idiot', '🤬', 'שלום', '🤬', long, '\u200b', 'hello'];
    await writeFile(file, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    const scorer = artifact('scorer', resolveEmbedded('toxicity').path);
    const memory = { store: path.join(folder, 'hard'), refresh: false };
    const config = { scorer, texts: artifact('table', file) } as never;
    const scored = await runStep('text/score', folder, config, { memory });
    const found = await scored.rows('scores');
    expect(found.map(({ outcome }) => outcome)).toEqual([
      'empty',
      'empty',
      'ok',
      'ok',
      'ok',
      'ok',
      'too_long',
      'empty',
      'ok',
    ]);
    expect(found[2]!['score.INSULT']).toBeGreaterThan(0.5);
    expect(found[5]).toEqual(found[3]);
    const again = await runStep('text/score', folder, config, { memory });
    expect(await readFile(again.path('scores'))).toEqual(await readFile(scored.path('scores')));
    await writeFile(file, '{"text":"a"}\n{"text":"\\ud800"}\n');
    await expect(runStep('text/score', folder, config)).rejects.toThrow(/:2: column "text" holds half of a surrogate/);
  });

  it('takes twenty thousand equal texts for one, and stops when it is told to', async () => {
    const texts = await tableArtifact(
      folder,
      Array.from({ length: 20_000 }, (_, i) => ({ text_id: String(i), text: 'the same' })),
    );
    const memory = { store: path.join(folder, 'same'), refresh: false };
    const scorer = artifact('scorer', resolveEmbedded('toxicity').path);
    const told: number[][] = [];
    const run = await runStep('text/score', folder, { scorer, texts } as never, {
      memory,
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(told.at(-1)).toEqual([20_000, 20_000]);
    const found = await run.rows('scores');
    expect(new Set(found.map((row) => row['score.TOXICITY'])).size).toBe(1);
    expect((await (await openStore(memory.store, { readOnly: true })).care.status()).memos.values).toBe(1);
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(runStep('text/score', folder, { scorer, texts } as never, { signal: stop })).rejects.toThrow('enough');
  });

  it('names the scorer in the fingerprint as it was written', () => {
    const { runtime } = STEP_KINDS.get('text/score')!;
    const of = (scorer: object, provider: 'cpu' | 'cuda' = 'cpu') => runtime?.({ scorer } as never, provider);
    expect(of({ ...artifact('scorer', 'x'), ref: 'embedded:toxicity' })).toEqual({ scorer: 'embedded:toxicity' });
    expect(of({ ...artifact('scorer', 'x'), ref: 'hf:a/b@main' }, 'cuda')).toEqual({
      scorer: 'hf:a/b@main',
      onnxruntime: expect.stringMatching(/^\d+\./),
      provider: 'cuda',
    });
    expect(of({ ...artifact('scorer', 'x'), ref: '../models/mine/' })).toEqual({
      scorer: 'mine',
      onnxruntime: expect.stringMatching(/^\d+\./),
    });
    expect(of({ kind: 'regex', words: {} })).toEqual({ scorer: 'regex' });
  });

  it('asks for the run’s device where a model is run', () => {
    const { usesDevice } = STEP_KINDS.get('text/score')!;
    const of = (scorer: object) => usesDevice?.({ scorer } as never);
    expect(of({ kind: 'classifier' })).toBe(true);
    expect(of({ kind: 'lm' })).toBe(true);
    expect(of({ $: 'data', ref: 'hf:a/b@main' })).toBe(true);
    expect(of({ $: 'data', ref: 'embedded:toxicity' })).toBe(false);
    expect(of({ kind: 'regex' })).toBe(false);
  });

  it('takes a folder whose config.json names an architecture for a classifier', async () => {
    const model = path.join(folder, 'classifier');
    await mkdir(model);
    await writeFile(path.join(model, 'config.json'), '{"architectures":["BertForSequenceClassification"]}');
    await expect(FOLDER_READERS.scorer.here(model)).rejects.toThrow(/classifier ha/);
    await writeFile(path.join(model, 'config.json'), '{"format":"sonde-hashed-scorer"}');
    expect(await FOLDER_READERS.scorer.here(model)).toContain('network.safetensors');
  });
});
