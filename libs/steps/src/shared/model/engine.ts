import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import type { Quantization, WeightDtype } from '@sonde/checkpoints';
import { type InputArtifact, isInputArtifact, type Provider, type RunConfig } from '@sonde/executor';

let version: string | undefined;

/** What else than the config changes the bytes of a model's outputs: who executes it, in which version. */
export const engineRuntime = (_config: RunConfig, provider: Provider): JsonObject => {
  version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  return { provider, onnxruntime: version };
};

/** What `model:` names, in either of its forms: checkpoint, adapter, and the precision of the weights. */
export interface ModelInputs {
  readonly checkpoint: InputArtifact;
  readonly adapter?: InputArtifact;
  readonly dtype?: WeightDtype;
  readonly quantization?: Quantization;
}

export const modelInputs = (config: RunConfig): ModelInputs => {
  const value = config.model as InputArtifact | (Omit<ModelInputs, 'checkpoint'> & { readonly ref: InputArtifact });
  if (isInputArtifact(value)) return { checkpoint: value };
  const { ref, adapter, dtype, quantization } = value;
  return {
    checkpoint: ref,
    ...(adapter && { adapter }),
    ...(dtype && { dtype }),
    ...(quantization && { quantization }),
  };
};

/** Tasks of the same checkpoint and adapter in the same precision share a loaded model. */
export const modelAffinity = (config: RunConfig): string => {
  const { checkpoint, adapter, dtype, quantization } = modelInputs(config);
  return [
    checkpoint.digest,
    adapter && `+${adapter.digest}`,
    dtype && ` dtype=${dtype}`,
    quantization && ` quantization=${quantization}`,
  ]
    .filter(Boolean)
    .join('');
};
