import path from 'node:path';
import type { CapturedStates, CaptureOptions, CaptureSite, Model, RunHooks } from '@sonde/engine';
import type { RunContext } from '@sonde/executor';
import { type PoolRows, type StateDType, type StateRow, writeStates } from '../../states.ts';
import { openTokenSpool } from '../../token-spool.ts';
import { modelFacts } from './model-prompts.ts';

/** What `capture:` asks for, wherever in the config it stands. */
interface CaptureConfig {
  readonly layers: CaptureOptions['layers'];
  readonly pool: CaptureOptions['pool'];
  readonly sites: readonly CaptureSite[];
  readonly dtype?: StateDType;
}

/** Runs the model with the capture that the config asks for, and writes the states that it gives. */
export const withCapture = async (
  context: RunContext,
  model: Model,
  config: Readonly<Record<string, unknown>>,
  promptIds: readonly string[],
  work: (
    options: CaptureOptions,
    hooks: Pick<RunHooks, 'onToken'>,
  ) => Promise<{
    readonly states: CapturedStates;
    /** Whose the rows of `continuation`, `last` and `max` are. */
    readonly rows: readonly StateRow[];
  }>,
): Promise<void> => {
  const { layers, pool, sites, dtype = 'float32' } = config as unknown as CaptureConfig;
  const tokens = pool.includes('tokens')
    ? openTokenSpool(path.join(context.scratch, 'tokens.bin'), promptIds)
    : undefined;
  try {
    const { states, rows } = await work({ layers, pool, sites }, tokens ? { onToken: tokens.add } : {});
    // Where a prompt's samples are divided, its own states come with the first of them alone.
    const none = Object.values(states).every(({ pools }) => pools.prompt?.shape[0] === 0);
    const ofPrompts = none ? [] : promptIds.map((promptId) => ({ promptId, sample: null }));
    const rowsOf: PoolRows = { prompt: ofPrompts, continuation: rows, last: rows, max: rows };
    await writeStates(context.output('states'), {
      states,
      rowsOf,
      dtype,
      facts: modelFacts(context, model.config.architecture),
      ...(tokens && { tokens }),
    });
  } finally {
    tokens?.close();
  }
};
