import path from 'node:path';
import { DTYPES, QUANTIZATIONS } from '@sonde/checkpoints';
import { resolveEmbedded } from '@sonde/embedded';
import type { RunValue } from '@sonde/executor';
import type { ConfigSchema } from '@sonde/pipeline';
import { openSafetensors, readFloat32 } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { model as schema } from '../src/shared/model/schemas.ts';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

describe('the precision of a model', () => {
  const ref = artifact('model', resolveEmbedded('parlour-rude').path);
  const adapter = artifact('adapter', resolveEmbedded('parlour-rude-detox').path);
  let work: Awaited<ReturnType<typeof temporaryFolder>>;
  let prompts: RunValue;
  beforeAll(async () => {
    work = await temporaryFolder();
    prompts = await tableArtifact(work.folder, [
      { prompt_id: 'a', rendered: 'The baker says', span_start: 0, span_end: 14 },
      { prompt_id: 'b', rendered: 'You', span_start: 0, span_end: 3 },
    ]);
  });
  afterAll(() => work.remove());

  const states = async (model: RunValue) => {
    const run = await runStep('activations/capture', work.folder, { model, prompts, pool: ['prompt'] });
    const file = await openSafetensors(path.join(run.path('states'), 'states.safetensors'));
    return { ...(await readFloat32(file, 'hidden_states')), metadata: file.metadata };
  };

  it('changes the states, and is told in their metadata', async () => {
    const whole = await states(ref);
    const found = [
      await states({ ref, dtype: 'float16', quantization: 'nf4' }),
      await states({ ref, quantization: 'int8' }),
      await states({ ref, quantization: 'int8', adapter }),
      await states({ ref, adapter }),
    ];
    expect(new Set([whole, ...found].map(({ data }) => data.join())).size).toBe(5);
    expect(found[0]!.metadata).toMatchObject({ model_dtype: 'float16', model_quantization: 'nf4', dtype: 'float32' });
    expect(found[1]!.metadata).toMatchObject({ model_quantization: 'int8' });
    for (const { metadata } of [whole, found[3]!]) {
      expect(Object.keys(metadata).filter((key) => key.startsWith('model_'))).toEqual([]);
    }
    expect((await states({ ref })).data).toEqual(whole.data);
  });

  it('may be that of weights drawn from a seed, which is told too', async () => {
    const found = [
      await states({ ref, weights: 'random', seed: 0 }),
      await states({ ref, weights: 'random', seed: 1 }),
      await states(ref),
    ];
    expect(new Set(found.map(({ data }) => data.join())).size).toBe(3);
    expect(found[0]!.metadata).toMatchObject({ model_weights: 'random, seed 0' });
    expect((await states({ ref, weights: 'random' })).data).toEqual(found[0]!.data);
  });

  it.each([
    [{ weights: 'random', adapter: 'embedded:parlour-rude-detox' }, 'adapter', 'cannot go with random ones'],
    [{ seed: 1 }, 'seed', 'say `weights: random` too'],
  ])('refuses %o before anything runs', (option, at, message) => {
    const { check } = STEP_KINDS.get('activations/capture')!;
    const problems = check!({ model: { ref: 'embedded:parlour-rude', ...option }, interventions: [] });
    expect(problems).toEqual([{ path: ['model', at], message: expect.stringContaining(message) }]);
  });

  it('is part of what tasks must share to share a loaded model', () => {
    const kind = STEP_KINDS.get('text/generate')!;
    const models = [
      ref,
      { ref, dtype: 'float16' },
      { ref, quantization: 'nf4' },
      { ref, adapter },
      { ref, weights: 'random' },
    ];
    expect(new Set(models.map((model) => kind.affinity!({ model }))).size).toBe(models.length);
    expect(kind.affinity!({ model: { ref } })).toBe(kind.affinity!({ model: ref }));
  });

  it('has the words in pipelines that it has in code', () => {
    const { dtype, quantization } = (schema.oneOf as readonly ConfigSchema[])[1]!.properties!;
    expect(dtype!.enum).toEqual(DTYPES);
    expect(quantization!.enum).toEqual(QUANTIZATIONS);
  });
});
