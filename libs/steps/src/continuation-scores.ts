import { UserError } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { floatColumn, hasColumn, readTable, type Table } from '@sonde/tables';
import { fullTextColumn, scoreColumn } from './prompts.ts';

/** The scores of every prompt's continuations, in a grid of prompts × samples. */
export interface ContinuationGrid {
  readonly table: Table;
  /** Prompt ids in the table's order. */
  readonly promptIds: readonly string[];
  /** Continuations a prompt. */
  readonly k: number;
  /** Row of the table for prompt p, sample s: `rows[p * k + s]`; −1 where there is none. */
  readonly rows: Int32Array;
  /** Scores of an attribute [prompts, k], NaN where there is none. */
  scores(attribute: string): Float64Array;
}

/** Reads a table that has a row for each (`prompt_id`, `sample`). */
export const readContinuationGrid = async (source: InputArtifact): Promise<ContinuationGrid> => {
  const table = await readTable(source.path);
  const what = source.ref ?? 'the scores';
  for (const name of ['prompt_id', 'sample']) {
    if (!hasColumn(table, name)) {
      throw new UserError(
        'input',
        `${what}: there is no column \`${name}\``,
        'Scores of continuations are needed, not of prompts or other texts.',
      );
    }
  }
  const ids = fullTextColumn(table, 'prompt_id', what);
  const samples = floatColumn(table, 'sample');
  const promptIds = [...new Set(ids)];
  const indexOf = new Map(promptIds.map((id, p) => [id, p]));
  const k = samples.reduce((most, sample) => Math.max(most, sample + 1), 0);
  const grid = new Int32Array(promptIds.length * k).fill(-1);
  for (const [row, id] of ids.entries()) {
    const at = indexOf.get(id)! * k + samples[row]!;
    if (grid[at] !== -1) throw new UserError('ids', `${what}: prompt ${id} has two rows for sample ${samples[row]}`);
    grid[at] = row;
  }
  return {
    table,
    promptIds,
    k,
    rows: grid,
    scores(attribute) {
      const values = scoreColumn(table, attribute);
      return Float64Array.from(grid, (row) => (row < 0 ? Number.NaN : values[row]!));
    },
  };
};

/** The largest of each prompt's k scores [prompts], NaN where one of them is missing. */
export const maxima = (scores: Float64Array, k: number): Float64Array =>
  Float64Array.from({ length: scores.length / k }, (_, p) =>
    scores.subarray(p * k, (p + 1) * k).reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY),
  );
