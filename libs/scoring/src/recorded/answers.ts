import { UserError } from '@sonde/base';
import { scoreOf } from '../row-scores.ts';
import { MISSING_OUTCOMES, type MissingOutcome, type ScoreOutcome } from '../scorer.ts';

/** What becomes of a text's second answer that differs from its first. */
export type Repeated = 'error' | 'first' | 'last';

/** A record's answers, by their texts. */
export interface RecordedAnswers {
  /** `says`: what the record itself says of a text without scores. */
  add(text: string, scores: Readonly<Record<string, unknown>>, says?: { outcome?: unknown; detail?: unknown }): void;
  readonly attributes: readonly string[];
  readonly size: number;
  get(text: string): ScoreOutcome | undefined;
}

/** Scores in the order of the record's attributes, shorter where later ones came; or why there are none. */
type Kept = (number | null)[] | { readonly outcome: MissingOutcome; readonly detail?: string };

/** @param name the record's, for errors */
export function recordedAnswers(name: string, repeated: Repeated): RecordedAnswers {
  const attributes: string[] = [];
  const places = new Map<string, number>();
  const answers = new Map<string, Kept>();
  /** Of the beginning of a text, as the record says. */
  const truncated = new Set<string>();
  const placeOf = (attribute: string): number => {
    const found = places.get(attribute);
    if (found !== undefined) return found;
    places.set(attribute, attributes.length);
    return attributes.push(attribute) - 1;
  };
  const differ = (text: string): never => {
    throw new UserError(
      'scorer',
      `The record ${name} has two answers for the text ${JSON.stringify(text.slice(0, 60))}, and they differ.`,
      'Keep one row of each text, or say which counts: `repeated: first` or `repeated: last`.',
    );
  };
  /** Two answers to one text: each may have scores that the other lacks. */
  const joined = (text: string, before: Kept, now: Kept): Kept => {
    // `refused` says the least.
    if (!Array.isArray(now)) return Array.isArray(before) || before.outcome !== 'refused' ? before : now;
    if (!Array.isArray(before)) return now;
    return Array.from({ length: Math.max(before.length, now.length) }, (_, i) => {
      const [old = null, fresh = null] = [before[i], now[i]];
      if (old === null || fresh === null || old === fresh) return old ?? fresh;
      return repeated === 'error' ? differ(text) : repeated === 'first' ? old : fresh;
    });
  };
  return {
    attributes,
    get size() {
      return answers.size;
    },
    add(text, scores, { outcome, detail } = {}) {
      const found: (number | null)[] = [];
      for (const [attribute, value] of Object.entries(scores)) found[placeOf(attribute)] = scoreOf(value, attribute);
      const has = found.some((score) => typeof score === 'number');
      const now: Kept = has
        ? Array.from(found, (score) => score ?? null)
        : {
            outcome: isMissing(outcome) ? outcome : 'refused',
            detail: typeof detail === 'string' && detail !== '' ? detail : 'no score was given',
          };
      if (has && outcome === 'truncated') truncated.add(text);
      const before = answers.get(text);
      answers.set(text, before === undefined ? now : joined(text, before, now));
    },
    get(text) {
      const kept = answers.get(text);
      if (!Array.isArray(kept)) return kept;
      const outcome = truncated.has(text) ? 'truncated' : 'ok';
      return { outcome, scores: attributes.map((_, i) => kept[i] ?? null) };
    },
  };
}

function isMissing(outcome: unknown): outcome is MissingOutcome {
  return MISSING_OUTCOMES.some((known) => known === outcome);
}
