import { UserError } from '@sonde/base';
import { SCORES } from './columns/scores.ts';
import { readRowParts } from './rows-read.ts';
import { requireScores } from './score-values.ts';

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
   * @param empty what stands for the score of a continuation without a text; NaN if not given
   */
  scores(attribute: string, promptIds?: readonly string[], k?: number, empty?: number): Float64Array;
  /** Continuations of these prompts that have no text. */
  empty(promptIds?: readonly string[]): number;
}

/**
 * Reads a table that has a row for each (`prompt_id`, `sample`).
 *
 * @param uneven whether prompts may have more samples than most: where what was scored says how many each has
 * @throws UserError if it is none, has one twice, numbers samples from 1, has prompts with more samples than the others,
 * or scores of an attribute of Perspective outside 0 to 1
 */
export async function readScoreGrid(path: string, what = 'the scores', uneven = false): Promise<ScoreGrid> {
  const index = new Map<string, number>();
  const places: { readonly prompt: number; readonly sample: number }[] = [];
  const columns = new Map<string, (number | null)[]>();
  const scorers = new Set<string>();
  const withoutText: boolean[] = [];
  const reading = readRowParts(path, SCORES, {
    columns: ['prompt_id', 'sample', 'score.<ATTRIBUTE>'],
    optional: ['scorer', 'outcome'],
    what,
  });
  for await (const rows of reading) {
    for (const { prompt_id, sample, score, scorer, outcome } of rows) {
      if (prompt_id === undefined || typeof sample !== 'number')
        throw notOfContinuations(what, prompt_id === undefined);
      const prompt = index.get(prompt_id) ?? index.size;
      index.set(prompt_id, prompt);
      places.push({ prompt, sample });
      withoutText.push(outcome === 'empty');
      for (const [attribute, value] of Object.entries(score)) {
        const column = columns.get(attribute) ?? [];
        if (column.push(value) === 1) columns.set(attribute, column);
      }
      if (typeof scorer === 'string') scorers.add(scorer);
    }
  }
  const promptIds = [...index.keys()];
  const nameOf = (row: number): string => `prompt ${promptIds[places[row]!.prompt]}, sample ${places[row]!.sample}`;
  for (const [attribute, values] of columns) requireScores(what, attribute, values, nameOf);
  const k = samplesOf(what, places, promptIds, uneven);
  const rowAt = new Int32Array(promptIds.length * k).fill(-1);
  for (const [row, { prompt, sample }] of places.entries()) {
    const earlier = rowAt[prompt * k + sample]!;
    if (earlier !== -1)
      throw scoredTwice(what, nameOf(row), earlier, row, places.length - new Set(keysOf(places, k)).size);
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
    empty(wanted = promptIds) {
      const asked = new Set(wanted.map((id) => index.get(id)));
      return places.filter(({ prompt }, row) => withoutText[row] === true && asked.has(prompt)).length;
    },
    scores(attribute, wanted = promptIds, wide = k, empty = Number.NaN) {
      const column = columns.get(attribute);
      const scores = new Float64Array(wanted.length * wide).fill(Number.NaN);
      for (const [p, id] of wanted.entries()) {
        const first = (index.get(id) ?? Number.NaN) * k;
        for (let sample = 0; sample < Math.min(k, wide); sample++) {
          const row = rowAt[first + sample] ?? -1;
          scores[p * wide + sample] = column?.[row] ?? (withoutText[row] === true ? empty : Number.NaN);
        }
      }
      return scores;
    },
  };
}

/** Samples a prompt: as many as most prompts have; fewer are missing scores, more are a mistake unless `uneven`. */
function samplesOf(
  what: string,
  places: readonly { readonly prompt: number; readonly sample: number }[],
  promptIds: readonly string[],
  uneven: boolean,
): number {
  const least = places.reduce((lowest, { sample }) => Math.min(lowest, sample), Number.POSITIVE_INFINITY);
  if (places.length > 0 && least !== 0) {
    throw new UserError(
      'input',
      `${what}: the lowest \`sample\` is ${least}; samples of a prompt are numbered from 0`,
      least === 1 ? 'These are numbered from 1: subtract 1 from each.' : undefined,
    );
  }
  const most = new Int32Array(promptIds.length);
  for (const { prompt, sample } of places) most[prompt] = Math.max(most[prompt]!, sample + 1);
  if (uneven) return most.reduce((all, samples) => Math.max(all, samples), 0);
  const counts = new Map<number, number>();
  for (const samples of most) counts.set(samples, (counts.get(samples) ?? 0) + 1);
  const [k = 0] = [...counts].sort(([a, x], [b, y]) => y - x || b - a)[0] ?? [];
  const longer = [...most.keys()].filter((prompt) => most[prompt]! > k);
  if (longer.length > 0) {
    const [first] = longer as [number];
    throw new UserError(
      'ids',
      `${what}: ${counts.get(k)} of ${promptIds.length} prompts have ${k} samples, but prompt ${promptIds[first]} has a sample ${most[first]! - 1}`,
      'EMT can be compared at equal numbers of samples only: take the further ones out with table/filter.',
    );
  }
  return k;
}

function keysOf(places: readonly { readonly prompt: number; readonly sample: number }[], k: number): number[] {
  return places.map(({ prompt, sample }) => prompt * k + sample);
}

function scoredTwice(what: string, name: string, earlier: number, later: number, repeats: number): UserError {
  return new UserError(
    'ids',
    `${what}: rows ${earlier} and ${later}, counted from 0, are both of ${name}; ${repeats} ${repeats === 1 ? 'row repeats' : 'rows repeat'} a prompt and sample in all`,
    'Each continuation has one row of scores. Where several scorers or runs were put into one table, take those of one with table/filter; where `sample` does not count the continuations of a prompt, number them from 0.',
  );
}

function notOfContinuations(what: string, withoutPrompt: boolean): UserError {
  return new UserError(
    'input',
    `${what}: there is no column \`${withoutPrompt ? 'prompt_id' : 'sample'}\``,
    'Scores of continuations are needed, not of prompts or other texts.',
  );
}
