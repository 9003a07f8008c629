import type { ScoreOutcome } from './scorer.ts';

/** What is said of a text of which no answer is kept where nobody is asked. */
export function notKept(text: string): ScoreOutcome {
  return { outcome: text.trim() === '' ? 'empty' : 'not_recorded' };
}
