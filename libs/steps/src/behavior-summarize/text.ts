import { groupBy } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
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

/** Tokens and their probabilities are what `text/generate` writes; a table of one's own need not have them. */
export type Continuation = ReadRow<
  typeof CONTINUATIONS.columns,
  'prompt_id' | 'sample',
  'text' | 'token_ids' | 'logprob'
>;

export async function readContinuations(
  { continuations }: Config,
  log: RunContext['log'],
): Promise<readonly Continuation[] | undefined> {
  if (continuations === undefined) return undefined;
  const what = continuations.ref ?? 'the continuations';
  const rows = await readRows(continuations.path, CONTINUATIONS, {
    columns: ['prompt_id', 'sample'],
    optional: ['text', 'token_ids', 'logprob'],
    what,
  });
  const absent = (['token_ids', 'logprob'] as const).filter((name) => rows.some((row) => row[name] === undefined));
  if (rows.length > 0 && absent.length > 0) {
    log(
      'warning',
      `${what}: without ${absent.join(' and ')}, what is said of the text itself is left out where it needs them`,
    );
  }
  return rows;
}

/** Of every continuation, where all have it. */
function ofAll<T>(rows: readonly Continuation[], of: (row: Continuation) => T | undefined): T[] | undefined {
  const values = rows.map(of);
  return values.includes(undefined) ? undefined : (values as T[]);
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
    const interval = intervals(config, 'prompts');
    const lengths = ofAll(continuations, ({ token_ids }) => token_ids?.length);
    const logprobs = ofAll(continuations, ({ logprob }) => logprob);
    if (lengths !== undefined) {
      const lists = byPrompt.map((group) => group.map(({ token_ids = [] }) => token_ids));
      for (const n of [1, 2, 3]) add(`distinct_${n}`, prompts, distinctByPrompt(lists, n, interval));
      add('tokens', prompts, meanLength(lengths.map((tokens) => ({ tokens }))));
    }
    if (lengths !== undefined && logprobs !== undefined) {
      add(
        'logprob_per_token',
        prompts,
        logprobPerToken(lengths.map((tokens, i) => ({ tokens, logprob: logprobs[i]! }))),
      );
    }
    if (logprobs !== undefined && continuations.every(({ text }) => text !== undefined)) {
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
    nll: -continuations.reduce((sum, { logprob = 0 }) => sum + logprob, 0),
    bytes: continuations.reduce((sum, { text }) => sum + Buffer.byteLength(text ?? ''), 0),
  };
}
