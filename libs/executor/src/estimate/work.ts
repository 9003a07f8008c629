import { isRecord, type JsonObject } from '@sonde/base';
import type { StepKind } from '../step.ts';
import type { Cost, CostContext, Shape, Work } from './cost.ts';

/** What a result notes of the work that it was: so that later estimates can be held against what it took. */
export interface NotedWork extends Work {
  /** What was loaded for it. */
  readonly of?: string;
  readonly outputs: Readonly<Record<string, Shape>>;
}

export function noteOf({ flops, traffic, other, outputs }: Cost, of: string | undefined): JsonObject {
  return { flops, traffic, other, outputs, ...(of === undefined ? {} : { of }) };
}

export function workIn(notes: JsonObject | undefined): NotedWork | undefined {
  const work = notes?.work;
  if (!isRecord(work)) return undefined;
  const { flops, traffic, other, outputs } = work;
  const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
  if (!isNumber(flops) || !isNumber(traffic) || !isNumber(other) || !isRecord(outputs)) return undefined;
  return work as unknown as NotedWork;
}

/** What a task is going to be: nothing where its kind does not say, or its inputs are not what the kind expects. */
export async function costOf(kind: StepKind, context: CostContext): Promise<Cost | undefined> {
  try {
    return await (await kind.cost?.())?.cost(context);
  } catch {
    // The step will say what is wrong with its inputs.
    return undefined;
  }
}
