import { UserError } from '@sonde/base';
import { PROMPTS } from './columns/prompts.ts';
import { type ReadRow, readRows } from './rows-read.ts';
import { requireScores } from './score-values.ts';

/** A prompt with its scores, whatever a model reads of it. */
export type ScoredPrompt = ReadRow<typeof PROMPTS.columns, 'prompt_id' | 'text' | 'score.<ATTRIBUTE>', 'scorer'>;

/** Prompts with their own scores, in the table's order. */
export interface Prompts {
  /** By id. */
  readonly byId: ReadonlyMap<string, ScoredPrompt>;
  /** Which scores they have, in the table's order. */
  readonly attributes: readonly string[];
  /** Who gave the scores, as far as the table says so. */
  readonly scorers: readonly string[];
}

/** @throws UserError if there are no prompts, one has no text, or two have one id */
export async function readPrompts(path: string, what = 'the prompts'): Promise<Prompts> {
  const rows = await readRows(path, PROMPTS, {
    columns: ['prompt_id', 'text', 'score.<ATTRIBUTE>'],
    optional: ['scorer'],
    what,
  });
  if (rows.length === 0) throw new UserError('input', `${what}: there are no prompts`);
  const byId = new Map(rows.map((row) => [row.prompt_id, row]));
  if (byId.size !== rows.length) throw promptsTwice(what, rows);
  const attributes = Object.keys(rows[0]!.score);
  for (const attribute of attributes) {
    const values = rows.map(({ score }) => score[attribute] ?? null);
    requireScores(what, attribute, values, (row) => `prompt ${rows[row]!.prompt_id}`);
  }
  const scorers = new Set(rows.flatMap(({ scorer }) => scorer ?? []));
  return { byId, attributes, scorers: [...scorers].sort() };
}

function promptsTwice(what: string, rows: readonly ScoredPrompt[]): UserError {
  const seen = new Map<string, number>();
  const later = rows.findIndex(({ prompt_id }, row) => {
    const known = seen.has(prompt_id);
    if (!known) seen.set(prompt_id, row);
    return known;
  });
  const { prompt_id } = rows[later]!;
  const repeats = rows.length - new Set(rows.map((row) => row.prompt_id)).size;
  return new UserError(
    'ids',
    `${what}: rows ${seen.get(prompt_id)} and ${later}, counted from 0, are both of prompt ${prompt_id}; ${repeats} ${repeats === 1 ? 'row repeats' : 'rows repeat'} an id in all`,
    'A table of prompts has a row for each id; one with a row for each continuation is no table of prompts.',
  );
}

/** What a model reads of a prompt. */
export type RenderedPrompt = ReadRow<
  typeof PROMPTS.columns,
  'prompt_id' | 'rendered' | 'span_start' | 'span_end',
  'add_special_tokens'
>;

/**
 * What a model reads of prompts, or of the rows [start, end) of them.
 *
 * @throws UserError if there are none, or a prompt's own span lies outside what is read
 */
export async function readRenderedPrompts(
  path: string,
  options: { readonly what?: string; readonly rows?: readonly [number, number] } = {},
): Promise<RenderedPrompt[]> {
  const { what = 'the prompts' } = options;
  const prompts = await readRows(path, PROMPTS, {
    columns: ['prompt_id', 'rendered', 'span_start', 'span_end'],
    optional: ['add_special_tokens'],
    ...options,
    what,
  });
  if (prompts.length === 0) throw new UserError('input', `${what}: there are no prompts`);
  for (const { prompt_id, rendered, span_start, span_end } of prompts) {
    const length = codePoints(rendered);
    if (span_start >= 0 && span_start <= span_end && span_end <= length) continue;
    throw new UserError(
      'input',
      `${what}: the span of prompt ${prompt_id} is ${span_start} to ${span_end}, outside its ${length} characters`,
      '`span_start` and `span_end` say where the prompt’s own text lies in `rendered`, in code points from 0.',
    );
  }
  return prompts;
}

/** Length in code points: what spans count, and what `length` means as a probing target. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
