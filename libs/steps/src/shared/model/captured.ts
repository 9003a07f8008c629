import path from 'node:path';
import type { CapturedStates, CaptureOptions, Model, RunHooks } from '@sonde/engine';
import type { RunContext } from '@sonde/executor';
import { openTokenSpool, type StateDType, type StateRow, type StatesToWrite, writeStates } from '@sonde/formats';
import { modelFacts } from './model-prompts.ts';
import type { ModelConfig } from './schemas.ts';

/** What `capture:` asks for, wherever in the config it stands. */
interface CaptureConfig extends Pick<Required<CaptureOptions>, 'layers' | 'pool' | 'sites'> {
  readonly dtype?: StateDType;
}

/** Runs the model with the capture that the config asks for, and writes the states that it gives. */
export async function withCapture(
  context: RunContext<{ readonly model: ModelConfig }, unknown>,
  model: Model,
  { layers, pool, sites, dtype = 'float32' }: CaptureConfig,
  promptIds: readonly string[],
  work: (
    options: CaptureOptions,
    hooks: Pick<RunHooks, 'onToken'>,
  ) => Promise<{
    readonly states: CapturedStates;
    /** Whose the rows of `continuation`, `last` and `max` are. */
    readonly rows: readonly StateRow[];
  }>,
): Promise<void> {
  const tokens = pool.includes('tokens')
    ? openTokenSpool(path.join(context.scratch, 'tokens.bin'), promptIds)
    : undefined;
  try {
    const { states, rows } = await work({ layers, pool, sites }, tokens ? { onToken: tokens.add } : {});
    // Where a prompt's samples are divided, its own states come with the first of them alone.
    const none = Object.values(states).every(({ pools }) => pools.prompt?.shape[0] === 0);
    const ofPrompts = none ? [] : promptIds.map((promptId) => ({ promptId, sample: null }));
    const rowsOf: StatesToWrite['rowsOf'] = { prompt: ofPrompts, continuation: rows, last: rows, max: rows };
    await writeStates(context.output('states'), {
      states,
      rowsOf,
      dtype,
      facts: modelFacts(context.config.model, model.config.architecture),
      ...(tokens && { tokens }),
    });
  } finally {
    tokens?.close();
  }
}
