import type { Cost, CostContext } from '@sonde/executor';
import { readingCost, sizeOf, statesShape, tokensIn } from '../shared/cost/language-model.ts';
import { shapeOf } from '../shared/cost/shape.ts';
import type { Config } from './config.ts';

/** Bytes of a token's id and text in the table. */
const TOKEN_BYTES = 6;

/** What continuing prompts costs: as if every continuation had all the tokens that it may have. */
export async function cost({ config, expected }: CostContext<Config>): Promise<Cost | undefined> {
  const prompts = await shapeOf(config.prompts, { expected });
  if (prompts.rows === undefined) return undefined;
  const { size, inputs } = await sizeOf(config.model);
  const { num_return_sequences: samples, max_new_tokens: newTokens, capture } = config;
  const sequences = prompts.rows;
  const continuations = sequences * samples;
  const tokens = tokensIn(prompts.characters);
  const texts = { rows: continuations, characters: newTokens * 4, bytes: continuations * newTokens * TOKEN_BYTES };
  const outputs = { continuations: texts };
  const work = readingCost(size, inputs, { sequences, tokens, continuations, newTokens });
  if (capture === undefined) return { ...work, rows: continuations, outputs };
  const rowsOf = { prompt: sequences, tokens: sequences * tokens + continuations * newTokens } as const;
  const rows = capture.pool.reduce((sum, pool) => sum + (pool in rowsOf ? rowsOf[pool as 'prompt'] : continuations), 0);
  const states = statesShape(size, rows, capture, capture.sites.length);
  return { ...work, rows: continuations, memory: work.memory + states.bytes, outputs: { ...outputs, states } };
}
