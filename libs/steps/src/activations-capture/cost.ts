import type { Cost, CostContext } from '@sonde/executor';
import { readingCost, sizeOf, statesShape, tokensIn } from '../shared/cost/language-model.ts';
import { shapeOf } from '../shared/cost/shape.ts';
import { poolsOfWhatThereIs } from '../shared/model/schemas.ts';
import type { Config } from './config.ts';

/** What reading prompts, or prompts with continuations, costs. */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const prompts = await shapeOf(config.prompts, { expected });
  const texts = config.continuations && (await shapeOf(config.continuations, { expected }));
  const count = prompts.rows;
  const sequences = texts === undefined ? count : texts.rows;
  if (count === undefined || sequences === undefined) return undefined;
  const { size, inputs } = await sizeOf(config.model);
  const promptTokens = tokensIn(prompts.characters);
  const tokens = promptTokens + (texts === undefined ? 0 : tokensIn(texts.characters));
  const predicted = config.losses === true ? count * promptTokens : 0;
  const work = readingCost(size, inputs, { sequences: sequences + (predicted > 0 ? count : 0), tokens, predicted });
  const pools = config.pool ?? poolsOfWhatThereIs(config);
  const rowsOf = { prompt: count, tokens: sequences * tokens } as const;
  const rows = pools.reduce((sum, pool) => sum + (pool in rowsOf ? rowsOf[pool as 'prompt'] : sequences), 0);
  const states = statesShape(size, rows, config, config.sites.length);
  const losses = config.losses === true ? { losses: { rows: count, bytes: count * 30 } } : {};
  return { ...work, rows: sequences, outputs: { states, ...losses } };
}
