import { UserError } from '@sonde/base';

/** The attributes asked for; all that are known by default. @throws UserError naming one that is not known */
export function chooseAttributes(
  known: readonly string[],
  asked: readonly string[] | undefined,
  what: string,
): readonly string[] {
  for (const attribute of asked ?? []) {
    if (!known.includes(attribute)) {
      throw new UserError('input', `${what} has no scores of ${attribute}`, `It has: ${known.join(', ') || 'none'}.`);
    }
  }
  return asked ?? known;
}

/**
 * What is to be said where prompts and continuations were not scored by one scorer: their scores are then not on one scale.
 * Undefined where they were.
 */
export function scorerMismatch(prompts: readonly string[], continuations: readonly string[]): string | undefined {
  if (prompts.length === 1 && continuations.length === 1 && isSameScorer(prompts[0]!, continuations[0]!))
    return undefined;
  const name = (scorers: readonly string[]): string =>
    scorers.length === 0 ? 'an unnamed scorer' : scorers.join(' and ');
  return `the prompts were scored by ${name(prompts)}, the continuations by ${name(continuations)}: their scores may not be on one scale`;
}

/** Whether two labels name one scorer: that has the same digest in them, whatever it is called; else the same label. */
export function isSameScorer(one: string, other: string): boolean {
  const madeOf = (label: string): string => /:[0-9a-f]{12}$/.exec(label)?.[0] ?? label;
  return madeOf(one) === madeOf(other);
}
