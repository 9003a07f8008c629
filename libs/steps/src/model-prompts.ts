import { type RunContext, StepError } from '@sonde/executor';
import type { Prompt } from '@sonde/models';
import { column, concatTables, floatColumn, hasColumn, readTableParts, stringColumn, type Table } from '@sonde/tables';
import type { RowRange } from './division.ts';
import { modelInputs } from './engine.ts';
import { input } from './inputs.ts';
import { fullTextColumn } from './prompts.ts';

/** The shard's part of the prompts (all of them where the task is whole), as the engine takes them. */
export const modelPrompts = async ({ config, shard }: RunContext): Promise<Prompt[]> => {
  const source = input(config, 'prompts');
  const what = source.ref ?? 'the prompts';
  const range = shard as unknown as RowRange | undefined;
  const parts: Table[] = [];
  for await (const part of readTableParts(source.path, range && { rows: [range.start, range.end] })) parts.push(part);
  const table = concatTables(parts);
  if (table.rowCount === 0) throw new StepError('step', `${what}: there are no prompts`);
  const ids = fullTextColumn(table, 'prompt_id', what);
  const rendered = stringColumn(table, 'rendered').map((value) => value ?? '');
  const starts = floatColumn(table, 'span_start');
  const ends = floatColumn(table, 'span_end');
  const special = hasColumn(table, 'add_special_tokens') ? column(table, 'add_special_tokens').values : [];
  return ids.map((id, row) => ({
    id,
    rendered: rendered[row]!,
    spanStart: starts[row]!,
    spanEnd: ends[row]!,
    ...(typeof special[row] === 'boolean' && { addSpecialTokens: special[row] }),
  }));
};

/** What an artifact of states says of the model it came from. */
export const modelFacts = ({ config }: RunContext, architecture: string): Record<string, string> => {
  const { checkpoint, adapter } = modelInputs(config);
  return { architecture, model: checkpoint.digest, ...(adapter && { adapter: adapter.digest }) };
};
