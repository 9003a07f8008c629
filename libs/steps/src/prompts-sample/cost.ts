import type { Cost, CostContext } from '@sonde/executor';
import { readingCost, shapeOf } from '../shared/cost/shape.ts';
import type { Config } from './config.ts';

/** What reading the source costs, and how many prompts there are. */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const { rows: known, characters = 80, bytes = 0 } = await shapeOf(config.source, { expected });
  const given = known ?? (config.count === 'all' ? undefined : config.count);
  if (given === undefined) return undefined;
  const rows = config.count === 'all' ? given : Math.min(config.count, given);
  const prompts = { rows, characters, bytes: rows * (characters + 100) };
  return { ...readingCost(given, bytes), rows, outputs: { prompts } };
}
