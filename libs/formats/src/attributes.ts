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
  const [one, other] = [prompts, continuations].map((scorers) =>
    scorers.length === 1 ? madeOf(scorers[0]!) : undefined,
  );
  if (one !== undefined && one === other) return undefined;
  const name = (scorers: readonly string[]): string =>
    scorers.length === 0 ? 'an unnamed scorer' : scorers.join(' and ');
  return `the prompts were scored by ${name(prompts)}, the continuations by ${name(continuations)}: their scores may not be on one scale`;
}

/** What makes a scorer: the digest in its label, whatever it is called; the label where it has none. */
function madeOf(label: string): string {
  return /:[0-9a-f]{12}$/.exec(label)?.[0] ?? label;
}
