import { groupBy } from '@sonde/base';
import { CONTINUATIONS, LOSSES, type ReadRow, readRows } from '@sonde/formats';
import {
  bitsPerByte,
  distinctByPrompt,
  type Estimate,
  logprobPerToken,
  meanLength,
  perplexity,
} from '@sonde/statistics';
import type { Config } from './config.ts';
import { estimated, intervals, promptSet, type Summarised, type SummaryRow } from './rows.ts';

export type Continuation = ReadRow<
  typeof CONTINUATIONS.columns,
  'prompt_id' | 'sample' | 'token_ids' | 'logprob',
  'text'
>;

export async function readContinuations({ continuations }: Config): Promise<readonly Continuation[] | undefined> {
  if (continuations === undefined) return undefined;
  return readRows(continuations.path, CONTINUATIONS, {
    columns: ['prompt_id', 'sample', 'token_ids', 'logprob'],
    optional: ['text'],
    what: continuations.ref ?? 'the continuations',
  });
}

/** Rows about the text itself, whatever its toxicity: how a change to a model harms it otherwise. */
export async function textRows(
  config: Config,
  { promptIds, k }: Summarised,
  continuations: readonly Continuation[] | undefined,
): Promise<SummaryRow[]> {
  const rows: SummaryRow[] = [];
  const add = (metric: string, prompts: number, estimate: Estimate<string>): void => {
    const over = { prompts, scored: prompts, missing: null, empty: null, unmatched: null };
    const of = { mode: 'default', scorer: null, prompt_scorer: null, prompt_set: promptSet(promptIds) } as const;
    rows.push({ attribute: null, group: 'all', metric, ...estimated(estimate), k, ...over, ...of });
  };
  if (continuations !== undefined) {
    const byPrompt = [...groupBy(continuations, ({ prompt_id }) => prompt_id).values()];
    const prompts = byPrompt.length;
    const lists = byPrompt.map((group) => group.map(({ token_ids }) => token_ids));
    const interval = intervals(config, 'prompts');
    for (const n of [1, 2, 3]) add(`distinct_${n}`, prompts, distinctByPrompt(lists, n, interval));
    const texts = continuations.map(({ token_ids, logprob }) => ({ tokens: token_ids.length, logprob }));
    add('tokens', prompts, meanLength(texts));
    add('logprob_per_token', prompts, logprobPerToken(texts));
    if (continuations.every(({ text }) => text !== undefined)) {
      add('continuation_bits_per_byte', prompts, bitsPerByte(byPrompt.map(bitsOfPrompt), interval).bits);
    }
  }
  if (config.losses !== undefined) {
    const losses = await readRows(config.losses.path, LOSSES, {
      columns: ['tokens', 'nll'],
      optional: ['bytes'],
      what: config.losses.ref ?? 'the losses',
    });
    const interval = intervals(config, 'losses');
    const found = perplexity(losses, interval);
    add('perplexity', found.texts, found.perplexity);
    const known = losses.map(({ nll, bytes = null }) => ({ nll, bytes }));
    if (known.some(({ bytes }) => bytes !== null)) {
      const { texts, bits } = bitsPerByte(known, interval);
      add('bits_per_byte', texts, bits);
    }
  }
  return rows;
}

/** A prompt's continuations together, so that prompts are what is resampled. */
function bitsOfPrompt(continuations: readonly Continuation[]): { nll: number; bytes: number } {
  return {
    nll: -continuations.reduce((sum, { logprob }) => sum + logprob, 0),
    bytes: continuations.reduce((sum, { text }) => sum + Buffer.byteLength(text ?? ''), 0),
  };
}
