import { type Model, openModel } from '@sonde/engine';
import type { RunContext } from '@sonde/executor';
import { modelAffinity, modelInputs } from './engine.ts';
import { keepQuantized } from './kept-weights.ts';
import type { ModelConfig } from './schemas.ts';

/** The model that this worker has loaded: its next tasks are of the same model where there are any. */
let loaded: { readonly key: string; readonly model: Model } | undefined;

/** The task that uses the loaded model now: its weights are read when it first runs, and may be read anew for more features. */
let current: RunContext;

export async function loadedModel(context: RunContext<{ readonly model: ModelConfig }>): Promise<Model> {
  current = context;
  const { config, device } = context;
  const key = `${modelAffinity(config)} ${device.provider} ${device.threads}`;
  if (loaded?.key === key) return loaded.model;
  const previous = loaded;
  loaded = undefined;
  await previous?.model.close();
  const { checkpoint, adapter, ...weights } = modelInputs(config.model);
  const model = await openModel(checkpoint.path, {
    device: device.provider,
    threads: device.threads,
    ...(adapter && { adapter: adapter.path }),
    keepQuantized: keepQuantized(() => current, checkpoint),
    ...weights,
  });
  loaded = { key, model };
  return model;
}
