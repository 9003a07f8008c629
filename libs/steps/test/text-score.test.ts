import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
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
      { outcome: 'not_recorded' },
    ]);
  });

  it('names the scorer in the fingerprint, but what is embedded by its digest alone', () => {
    const { runtime } = STEP_KINDS.get('text/score')!;
    const of = (scorer: object) => runtime?.({ scorer } as never, 'cpu');
    expect(of({ ...artifact('scorer', 'x'), ref: 'embedded:toxicity' })).toBeUndefined();
    expect(of({ ...artifact('scorer', 'x'), ref: '../models/mine/' })).toEqual({
      scorer: 'mine',
      onnxruntime: expect.stringMatching(/^\d+\./),
    });
    expect(of({ kind: 'regex', words: {} })).toEqual({ scorer: 'regex' });
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
