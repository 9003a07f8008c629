import { UserError } from '@sonde/base';
import { SCORES } from './columns/scores.ts';
import { readRowParts } from './rows-read.ts';

/** The scores of every prompt's continuations, in a grid of prompts × samples. */
export interface ScoreGrid {
  /** Prompt ids in the table's order. */
  readonly promptIds: readonly string[];
  /** Continuations a prompt. */
  readonly k: number;
  /** Which scores there are, in the table's order. */
  readonly attributes: readonly string[];
  /** Who gave the scores, as far as the table says so. */
  readonly scorers: readonly string[];
  /** The rows of the table, in its order. */
  pairs(): IterableIterator<{ readonly promptId: string; readonly sample: number }>;
  /**
   * Scores of an attribute [prompts, k], NaN where there is none.
   *
   * @param promptIds of these prompts, in this order; of all, in the table's, if not given
   * @param k of so many continuations a prompt; of the table's if not given
   */
  scores(attribute: string, promptIds?: readonly string[], k?: number): Float64Array;
}

/** Reads a table that has a row for each (`prompt_id`, `sample`). @throws UserError if it is none, or has one twice */
export async function readScoreGrid(path: string, what = 'the scores'): Promise<ScoreGrid> {
  const index = new Map<string, number>();
  const places: { readonly prompt: number; readonly sample: number }[] = [];
  const columns = new Map<string, (number | null)[]>();
  const scorers = new Set<string>();
  const reading = readRowParts(path, SCORES, {
    columns: ['prompt_id', 'sample', 'score.<ATTRIBUTE>'],
    optional: ['scorer'],
    what,
  });
  for await (const rows of reading) {
    for (const { prompt_id, sample, score, scorer } of rows) {
      if (prompt_id === undefined || typeof sample !== 'number')
        throw notOfContinuations(what, prompt_id === undefined);
      const prompt = index.get(prompt_id) ?? index.size;
      index.set(prompt_id, prompt);
      places.push({ prompt, sample });
      for (const [attribute, value] of Object.entries(score)) {
        const column = columns.get(attribute) ?? [];
        if (column.push(value) === 1) columns.set(attribute, column);
      }
      if (typeof scorer === 'string') scorers.add(scorer);
    }
  }
  const promptIds = [...index.keys()];
  const k = places.reduce((most, { sample }) => Math.max(most, sample + 1), 0);
  const rowAt = new Int32Array(promptIds.length * k).fill(-1);
  for (const [row, { prompt, sample }] of places.entries()) {
    if (rowAt[prompt * k + sample] !== -1)
      throw new UserError('ids', `${what}: prompt ${promptIds[prompt]} has two rows for sample ${sample}`);
    rowAt[prompt * k + sample] = row;
  }
  return {
    promptIds,
    k,
    attributes: [...columns.keys()],
    scorers: [...scorers].sort(),
    *pairs() {
      for (const { prompt, sample } of places) yield { promptId: promptIds[prompt]!, sample };
    },
    scores(attribute, wanted = promptIds, wide = k) {
      const column = columns.get(attribute);
      const scores = new Float64Array(wanted.length * wide).fill(Number.NaN);
      for (const [p, id] of wanted.entries()) {
        const first = (index.get(id) ?? Number.NaN) * k;
        for (let sample = 0; sample < Math.min(k, wide); sample++)
          scores[p * wide + sample] = column?.[rowAt[first + sample] ?? -1] ?? Number.NaN;
      }
      return scores;
    },
  };
}

function notOfContinuations(what: string, withoutPrompt: boolean): UserError {
  return new UserError(
    'input',
    `${what}: there is no column \`${withoutPrompt ? 'prompt_id' : 'sample'}\``,
    'Scores of continuations are needed, not of prompts or other texts.',
  );
}
