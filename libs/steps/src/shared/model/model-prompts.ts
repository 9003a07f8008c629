import { UserError } from '@sonde/base';
import type { Prompt } from '@sonde/engine';
import type { RunContext } from '@sonde/executor';
import { column, concatTables, floatColumn, hasColumn, readTableParts, stringColumn, type Table } from '@sonde/tables';
import { input } from '../../inputs.ts';
import { fullTextColumn } from '../../prompts.ts';
import type { RowRange } from './division.ts';
import { modelInputs } from './engine.ts';

const SPAN = '`span_start` and `span_end` say where the prompt’s own text lies in `rendered`, in code points from 0.';

/** The shard's part of the prompts (all of them where the task is whole), as the engine takes them. */
export const modelPrompts = async ({ config, shard }: RunContext): Promise<Prompt[]> => {
  const source = input(config, 'prompts');
  const what = source.ref ?? 'the prompts';
  const range = shard as unknown as RowRange | undefined;
  const parts: Table[] = [];
  for await (const part of readTableParts(source.path, range && { rows: [range.start, range.end] })) parts.push(part);
  const table = concatTables(parts);
  if (table.rowCount === 0) throw new UserError('input', `${what}: there are no prompts`);
  const ids = fullTextColumn(table, 'prompt_id', what);
  const rendered = stringColumn(table, 'rendered').map((value) => value ?? '');
  const starts = floatColumn(table, 'span_start');
  const ends = floatColumn(table, 'span_end');
  const special = hasColumn(table, 'add_special_tokens') ? column(table, 'add_special_tokens').values : [];
  for (const [row, id] of ids.entries()) {
    const [start, end, length] = [starts[row]!, ends[row]!, [...rendered[row]!].length];
    if (start >= 0 && start <= end && end <= length) continue;
    const span = Number.isNaN(start + end) ? 'is missing' : `is ${start} to ${end}, outside its ${length} characters`;
    throw new UserError('input', `${what}: the span of prompt ${id} ${span}`, SPAN);
  }
  return ids.map((id, row) => ({
    id,
    rendered: rendered[row]!,
    spanStart: starts[row]!,
    spanEnd: ends[row]!,
    ...(typeof special[row] === 'boolean' && { addSpecialTokens: special[row] }),
  }));
};

/** The ids of all prompts of a step, whichever of them this shard has. */
export const allPromptIds = async ({ config }: RunContext): Promise<Set<string>> => {
  const ids = new Set<string>();
  for await (const part of readTableParts(input(config, 'prompts').path, { columns: ['prompt_id'] })) {
    for (const id of column(part, 'prompt_id').values) ids.add(String(id));
  }
  return ids;
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
