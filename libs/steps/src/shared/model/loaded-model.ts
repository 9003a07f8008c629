import { type Model, openModel } from '@sonde/engine';
import type { RunContext } from '@sonde/executor';
import { modelAffinity, modelInputs } from './engine.ts';
import type { ModelConfig } from './schemas.ts';

/** The model that this worker has loaded: its next tasks are of the same model where there are any. */
let loaded: { readonly key: string; readonly model: Model } | undefined;

export async function loadedModel({ config, device }: RunContext<{ readonly model: ModelConfig }>): Promise<Model> {
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
    ...weights,
  });
  loaded = { key, model };
  return model;
}
