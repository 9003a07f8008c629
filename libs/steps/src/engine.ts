import { createRequire } from 'node:module';
import { type InputArtifact, isInputArtifact, type Provider, type RunConfig } from '@sonde/executor';
import type { JsonObject } from '@sonde/pipeline';

let version: string | undefined;

/** What else than the config changes the bytes of a model's outputs: who executes it, in which version. */
export const engineRuntime = (_config: RunConfig, provider: Provider): JsonObject => {
  version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  return { provider, onnxruntime: version };
};

/** The checkpoint and adapter that `model:` names, in either of its forms. */
export const modelInputs = (config: RunConfig): { checkpoint: InputArtifact; adapter?: InputArtifact } => {
  const value = config.model as InputArtifact | { readonly ref: InputArtifact; readonly adapter?: InputArtifact };
  return isInputArtifact(value)
    ? { checkpoint: value }
    : { checkpoint: value.ref, ...(value.adapter && { adapter: value.adapter }) };
};

/** Tasks of the same checkpoint and adapter share a loaded model. */
export const modelAffinity = (config: RunConfig): string => {
  const { checkpoint, adapter } = modelInputs(config);
  return adapter === undefined ? checkpoint.digest : `${checkpoint.digest}+${adapter.digest}`;
};
