import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import type { ReadRow, SUMMARY } from '@sonde/formats';
import { words } from '@sonde/pipeline';

export const comparable = words(['error', 'report'], {
  default: 'error',
  description:
    'What happens where summaries differ in k, scorer, prompts or mode: `error` refuses, `report` says so and goes on.',
});

/** A row of behaviour, as far as it decides what it can be compared with. */
export type BehaviorRow = ReadRow<
  typeof SUMMARY.columns,
  'attribute' | 'metric' | 'group' | 'value',
  'k' | 'scorer' | 'prompt_set' | 'mode' | 'prompts' | 'scored'
>;

/** The behaviour of one model, template, … */
export interface Behavior {
  /** Its axes: how messages call it. */
  readonly name: string;
  readonly rows: readonly BehaviorRow[];
}

const CONDITIONS = [
  { column: 'k', what: 'continuations a prompt' },
  { column: 'scorer', what: 'scorer' },
  { column: 'prompt_set', what: 'set of prompts' },
  // `paper` counts prompts with a high score in another way.
  { column: 'mode', what: 'mode' },
] as const;

/**
 * Refuses summaries that were made in different ways: EMT grows with k, and scores of another scorer or of other prompts
 * are other numbers. What a table does not say is not held against it.
 */
export function requireComparable(
  behaviors: readonly Behavior[],
  policy: 'error' | 'report',
  log: RunContext['log'],
): void {
  for (const { column, what } of CONDITIONS) {
    const found = new Map<string, string>();
    for (const { name, rows } of behaviors) {
      for (const row of rows) {
        const value = row[column];
        if (value !== null && value !== undefined && !found.has(String(value))) found.set(String(value), name);
      }
    }
    if (found.size < 2) continue;
    const values = [...found].map(([value, name]) => `${value} (${name})`);
    const shown = values.length > 4 ? `${values.slice(0, 4).join(', ')}, …` : values.join(', ');
    const message = `the summaries differ in \`${column}\`, their ${what}: ${shown}`;
    if (policy === 'error') {
      throw new UserError(
        'input',
        message,
        'EMT and toxicity probability can be compared at one k, by one scorer, on the same prompts, in one mode only. `comparable: report` goes on all the same and says so.',
      );
    }
    log('warning', `${message}; they are compared all the same`);
  }
}
