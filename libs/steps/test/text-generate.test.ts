import { cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { RunValue } from '@sonde/executor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

describe('text/generate beside a generation_config.json that asks for more', () => {
  let work: Awaited<ReturnType<typeof temporaryFolder>>;
  let config: Record<string, RunValue>;
  beforeAll(async () => {
    work = await temporaryFolder();
    const folder = path.join(work.folder, 'asking');
    await cp(resolveEmbedded('parlour-base').path, folder, { recursive: true });
    const asked = { eos_token_id: 0, no_repeat_ngram_size: 1, temperature: 0.6, do_sample: true };
    await writeFile(path.join(folder, 'generation_config.json'), JSON.stringify(asked));
    const prompts = await tableArtifact(work.folder, [
      { prompt_id: 'a', rendered: 'The baker says that the', span_start: 0, span_end: 23 },
    ]);
    config = { model: artifact('model', folder), prompts, do_sample: false, num_return_sequences: 1 };
  });
  afterAll(() => work.remove());

  const generated = async (more: Record<string, RunValue>) => {
    const run = await runStep('text/generate', work.folder, { ...config, ...more });
    const tokens = (await run.rows('continuations'))[0]!.token_ids as unknown[];
    return { warnings: run.warnings, repeats: new Set(tokens).size < tokens.length, tokens };
  };

  it('does as the step says, and warns of the rest', async () => {
    const { warnings, repeats } = await generated({});
    expect(warnings).toEqual([
      'the model’s own generation settings ask for no_repeat_ngram_size 1, do_sample true, which is done otherwise here; `generation_config: follow` takes over the rules among them, `ignore` leaves out this line',
    ]);
    expect(repeats).toBe(true);
  });

  it('says nothing where it is told to ignore it, or follows its rules', async () => {
    expect((await generated({ generation_config: 'ignore' })).warnings).toEqual([]);
    const followed = await generated({ generation_config: 'follow' });
    expect(followed.warnings).toEqual([]);
    expect(followed.repeats).toBe(false);
    expect((await generated({ no_repeat_ngram_size: 1, generation_config: 'ignore' })).tokens).toEqual(followed.tokens);
  });
});
