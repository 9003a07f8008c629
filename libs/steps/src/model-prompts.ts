import { type RunContext, StepError } from '@sonde/executor';
import type { Prompt } from '@sonde/models';
import { column, floatColumn, hasColumn, readTable, sliceRows, stringColumn, type Table } from '@sonde/tables';
import type { RowRange } from './division.ts';
import { modelInputs } from './engine.ts';
import { input } from './inputs.ts';
import { fullTextColumn } from './prompts.ts';

/** The shard's part of the prompts (all of them where the task is whole), as the engine takes them. */
export const modelPrompts = async ({ config, shard }: RunContext): Promise<Prompt[]> => {
  const source = input(config, 'prompts');
  const what = source.ref ?? 'the prompts';
  const whole = await readTable(source.path);
  const range = shard as RowRange | undefined;
  const table: Table = range === undefined ? whole : sliceRows(whole, range.start, range.end);
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
  const { checkpoint, adapter, dtype, quantization } = modelInputs(config);
  return {
    architecture,
    model: checkpoint.digest,
    ...(adapter && { adapter: adapter.digest }),
    // `dtype` is the type of the states themselves.
    ...(dtype && { model_dtype: dtype }),
    ...(quantization && { model_quantization: quantization }),
  };
};
