import { type Cost, type CostContext, isInputArtifact } from '@sonde/executor';
import { tokensIn } from '../shared/cost/language-model.ts';
import { modelSize } from '../shared/cost/model-size.ts';
import { shapeOf } from '../shared/cost/shape.ts';
import type { Config } from './config.ts';

/** What scoring texts costs: by a classifier as much as reading them, else by the time for each. */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const { rows, characters } = await shapeOf(config.texts, { expected });
  if (rows === undefined) return undefined;
  const outputs = { scores: { rows, bytes: rows * 40 } };
  const scorer: unknown = config.scorer;
  const model = modelIn(scorer);
  const size = model === undefined ? undefined : await modelSize(model).catch(() => undefined);
  if (size === undefined) {
    return { flops: 0, traffic: 0, other: 0.2 + rows * SECONDS[kindIn(scorer)], memory: 250e6, rows, outputs };
  }
  const tokens = rows * tokensIn(characters);
  const held = 4 * size.parameters;
  return {
    flops: 2 * size.body * tokens,
    traffic: held * (1 + tokens / 2048),
    other: 0.5 + rows * 5e-5,
    memory: 250e6 + 1.3 * held + 3e8,
    rows,
    outputs,
  };
}

/** For each text, in seconds: a look-up or a small network here, and an answer from elsewhere. */
const SECONDS = { here: 3e-5, elsewhere: 0.5 } as const;

function kindIn(scorer: unknown): keyof typeof SECONDS {
  const kind = typeof scorer === 'object' && scorer !== null && 'kind' in scorer ? scorer.kind : undefined;
  return kind === 'perspective' || kind === 'http' ? 'elsewhere' : 'here';
}

/** The folder of the model that scores, if any does. */
function modelIn(scorer: unknown): string | undefined {
  if (isInputArtifact(scorer as never)) return (scorer as { path: string }).path;
  const model = typeof scorer === 'object' && scorer !== null && 'model' in scorer ? scorer.model : undefined;
  return isInputArtifact(model as never) ? (model as { path: string }).path : undefined;
}
