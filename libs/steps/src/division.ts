import { createHash } from 'node:crypto';
import type { RunConfig, Shard } from '@sonde/executor';
import { input, optionalInput } from './inputs.ts';

/**
 * Most prompts and most sequences of a shard: what is batched together is fixed by the data, not by the machine, and a
 * shard's states fit in memory.
 */
const SHARD_PROMPTS = 32;
const SHARD_SEQUENCES = 1600;

export interface RowRange {
  readonly start: number;
  readonly end: number;
}

const digestOfRows = (rows: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(rows)).digest('hex');

/** @param sequences how many a row stands for */
const shardsOf = (rows: readonly unknown[], sequences: (row: number) => number): Shard[] => {
  const shards: Shard[] = [];
  for (let start = 0; start < rows.length; ) {
    let [end, count] = [start, 0];
    do count += sequences(end++);
    while (end < rows.length && end - start < SHARD_PROMPTS && count + sequences(end) <= SHARD_SEQUENCES);
    const part = rows.slice(start, end);
    shards.push({ identity: { rows: digestOfRows(part) }, range: { start, end }, weight: part.length });
    start = end;
  }
  return shards;
};

/** What a model reads of a prompt: its scores, for one, are no part of it. */
const promptRows = async (config: RunConfig): Promise<[string, ...unknown[]][]> => {
  const { readTable, rows } = await import('@sonde/tables');
  return rows(await readTable(input(config, 'prompts').path)).map((row) => [
    String(row.prompt_id),
    row.rendered,
    row.span_start,
    row.span_end,
    row.add_special_tokens ?? null,
  ]);
};

/** Divides a table of prompts. */
export const dividePrompts = async (config: RunConfig): Promise<Shard[]> =>
  shardsOf(await promptRows(config), () => Number(config.num_return_sequences));

/** Divides prompts together with their continuations. */
export const dividePairs = async (config: RunConfig): Promise<Shard[]> => {
  const prompts = await promptRows(config);
  const continuations = optionalInput(config, 'continuations');
  if (continuations === undefined) return shardsOf(prompts, () => 1);
  const { readTable, rows } = await import('@sonde/tables');
  const byPrompt = new Map<string, unknown[]>();
  for (const { prompt_id, sample, token_ids } of rows(await readTable(continuations.path))) {
    const list = byPrompt.get(String(prompt_id)) ?? [];
    list.push([sample, Array.from((token_ids ?? []) as ArrayLike<number>)]);
    byPrompt.set(String(prompt_id), list);
  }
  const pairs = prompts.map((prompt) => [...prompt, byPrompt.get(prompt[0]) ?? []]);
  return shardsOf(pairs, (row) => Math.max(1, byPrompt.get(prompts[row]![0])?.length ?? 0));
};
