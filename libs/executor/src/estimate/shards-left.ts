import type { TaskNode } from '@sonde/pipeline';
import { keyOf, type Store } from '@sonde/store';
import { fingerprintOf } from '../decide/fingerprint.ts';
import { wholeResult } from '../run/reader.ts';
import type { Provider, RunConfig, StepKind } from '../step.ts';

/**
 * How much of a task that divides is left to compute, from 0 to 1 by the weight of its shards: those that the store has
 * are taken as they are. 1 where it does not divide, or its inputs' contents are not here.
 */
export async function shareLeft(
  task: TaskNode,
  { kind, config, provider, store }: { kind: StepKind; config: RunConfig; provider: Provider; store: Store },
): Promise<number> {
  let [all, left] = [0, 0];
  try {
    for (const { identity, weight = 1 } of (await kind.division?.divide(config)) ?? []) {
      const key = keyOf(fingerprintOf({ kind, config, provider, shard: identity }));
      all += weight;
      if ((await wholeResult(store, task, key)) === undefined) left += weight;
    }
  } catch {
    // The step will say what is wrong with its inputs.
    return 1;
  }
  return all === 0 ? 1 : left / all;
}
