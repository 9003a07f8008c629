import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import type { PrecisionOptions } from '@sonde/checkpoints';
import { type InputArtifact, isInputArtifact, type Provider } from '@sonde/executor';
import type { ModelConfig } from './schemas.ts';

let version: string | undefined;

/** What else than the config changes the bytes of a model's outputs: who executes it, in which version. */
export function engineRuntime(_config: object, provider: Provider): JsonObject {
  version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  return { provider, onnxruntime: version };
}

/** What `model:` names, in either of its forms: checkpoint, adapter, precision, or that its weights are drawn. */
export interface ModelInputs extends PrecisionOptions {
  readonly checkpoint: InputArtifact;
  readonly adapter?: InputArtifact;
  readonly randomWeights?: { readonly seed: number };
}

export function modelInputs(model: ModelConfig): ModelInputs {
  if (isInputArtifact(model)) return { checkpoint: model };
  const { ref, adapter, dtype, quantization, compute, layerwise_casting, weights, seed = 0 } = model;
  return {
    checkpoint: ref,
    ...(adapter && { adapter }),
    ...(dtype && { dtype }),
    ...(quantization && { quantization }),
    ...(weights === 'random' && { randomWeights: { seed } }),
    ...(compute && compute !== 'float32' && { compute }),
    ...(layerwise_casting && { layerwiseCasting: true }),
  };
}

/** Tasks of the same checkpoint and adapter in the same precision share a loaded model. */
export function modelAffinity({ model }: { readonly model: ModelConfig }): string {
  const { checkpoint, adapter, dtype, quantization, compute, layerwiseCasting, randomWeights } = modelInputs(model);
  return [
    checkpoint.digest,
    randomWeights && ` random=${randomWeights.seed}`,
    adapter && `+${adapter.digest}`,
    dtype && ` dtype=${dtype}`,
    quantization && ` quantization=${quantization}`,
    compute && ` compute=${compute}`,
    layerwiseCasting && ' layerwise_casting',
  ]
    .filter(Boolean)
    .join('');
}
