import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { scorerMismatch } from '@sonde/formats';

/**
 * Says where prompts and continuations were not scored by one scorer: what compares them then compares two scales.
 *
 * @throws UserError where that is not to be
 */
export function sayScorers(
  prompts: readonly string[],
  continuations: readonly string[],
  strict: boolean,
  log: RunContext['log'],
): void {
  const mismatch = scorerMismatch(prompts, continuations);
  if (mismatch === undefined) return;
  const hint = 'Score the prompts anew with text/score, by the scorer of the continuations.';
  if (strict) throw new UserError('input', mismatch, `${hint} Without \`strict\` it is a warning.`);
  log('warning', `${mismatch}. ${hint}`);
}
