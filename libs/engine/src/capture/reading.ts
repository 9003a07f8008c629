import type { Engine } from '../engine.ts';
import { explainNonFinite } from '../finite.ts';
import type { Plan } from '../interventions.ts';
import type { Model } from '../model.ts';
import type { Capture } from '../options.ts';
import { NonFiniteStates, type StateCollector } from '../states.ts';
import type { Pool, RunHooks } from '../types.ts';
import type { Row } from './rows.ts';

/** What sequences are read with, and where their states go. */
export interface Reading {
  readonly model: Model;
  readonly engine: Engine;
  readonly plan: Plan;
  readonly wanted: Capture;
  readonly states: StateCollector;
  readonly onToken: RunHooks['onToken'];
  /** Called before each run with how many items it reads to their end; may throw to end the work. */
  readonly onRun: (items: number) => void;
}

/** Pools that are sums over tokens; each has a row of weights. */
const SUMMED: readonly Pool[] = ['prompt', 'continuation', 'last'];

export function summedOf({ pools }: Capture): Pool[] {
  return SUMMED.filter((pool) => pools.includes(pool));
}

/** Does what writes the states of some items, and finds where one that is not finite comes from. */
export async function explained(
  { model, engine, plan }: Reading,
  rows: readonly Pick<Row, 'id' | 'ids'>[],
  write: () => void,
): Promise<void> {
  try {
    write();
  } catch (error) {
    if (error instanceof NonFiniteStates) throw await explainNonFinite(model, engine, plan, rows, error);
    throw error;
  }
}
