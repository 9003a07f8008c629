import type { Cost, CostContext } from '@sonde/executor';
import { readingCost, shapeOf } from '../shared/cost/shape.ts';
import type { Config } from './config.ts';

/** What reading a file costs: as many rows as it has. */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const { rows, bytes = 0, characters } = await shapeOf(config.source, { expected });
  if (rows === undefined) return undefined;
  const table = { rows, bytes, ...(characters !== undefined && { characters }) };
  return { ...readingCost(rows, bytes), rows, outputs: { table } };
}
