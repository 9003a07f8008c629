import { join } from 'node:path';
import { readJsonIfThere } from '@sonde/checkpoints';
import type { ClassifierModel } from '@sonde/engine';
import { wellFormed } from '../well-formed.ts';

/** What is done with a text of more tokens than are read: its beginning alone, or all of it in windows. */
export const LONG = ['truncate', 'max', 'mean'] as const;
export type Long = (typeof LONG)[number];

/** A text as a classifier reads it: one sequence of tokens or, of a long text, one a window; none of a text without tokens. */
export interface Sequences {
  readonly ids: readonly (readonly number[])[];
  readonly truncated: boolean;
}

export interface Cut {
  readonly maxLength: number;
  readonly long: Long;
  /** Tokens that a window has in common with the one before. */
  readonly overlap: number;
}

interface TokenizerFacts {
  /** The longest sequence that its tokenizer_config.json allows; infinite where it does not say. */
  readonly maxLength: number;
  readonly cutsStart: boolean;
  /** Special tokens before and after a text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const PROBE = 'a';

/** What a checkpoint's tokenizer does around a text, as transformers does it. */
export async function readTokenizerFacts({ folder, tokenizer }: ClassifierModel): Promise<TokenizerFacts> {
  const config = (await readJsonIfThere(join(folder, 'tokenizer_config.json'))) ?? {};
  const { model_max_length: most, truncation_side: side } = config as Record<string, unknown>;
  const content = tokenizer.encode(PROBE, { addSpecialTokens: false });
  const whole = tokenizer.encode(PROBE);
  const starts = Array.from({ length: whole.length - content.length + 1 }, (_, i) => i);
  const start = starts.find((at) => content.every((id, i) => whole[at + i] === id)) ?? 0;
  return {
    maxLength: typeof most === 'number' && most > 0 ? most : Number.POSITIVE_INFINITY,
    cutsStart: side === 'left',
    before: whole.slice(0, start),
    after: whole.slice(start + content.length),
  };
}

/** Makes texts sequences. */
export function sequencer(
  { tokenizer }: ClassifierModel,
  { before, after, cutsStart }: TokenizerFacts,
  { maxLength, long, overlap }: Cut,
): (text: string) => Sequences {
  const room = maxLength - before.length - after.length;
  const around = (content: readonly number[]): number[] => [...before, ...content, ...after];
  return (text) => {
    const content = tokenizer.encode(wellFormed(text), { addSpecialTokens: false });
    if (content.length + before.length + after.length === 0) return { ids: [], truncated: false };
    if (content.length <= room) return { ids: [around(content)], truncated: false };
    if (long === 'truncate') {
      return { ids: [around(cutsStart ? content.slice(-room) : content.slice(0, room))], truncated: true };
    }
    const ids: number[][] = [];
    for (let start = 0; ; start += room - overlap) {
      ids.push(around(content.slice(start, start + room)));
      if (start + room >= content.length) return { ids, truncated: false };
    }
  };
}
