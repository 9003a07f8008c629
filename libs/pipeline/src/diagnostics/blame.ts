import { describePlace } from '../read/positions.ts';
import type { Range } from '../values/located.ts';
import type { Problems } from './problems.ts';

/** Blames a value where it is said; the place that uses it, if it is another, is in the hint. */
export function blame(
  problems: Problems,
  issue: { readonly code: Parameters<Problems['error']>[0]; readonly message: string; readonly hint?: string },
  range: Range,
  use: Range | undefined,
  place: Range,
): void {
  // An empty `with:` has no text to point at.
  const at = range.start === range.end ? place : range;
  problems.error(issue.code, at, issue.message, () => {
    const used = use === undefined || use === at ? undefined : `used in ${describePlace(use, at.file)}`;
    const hints = [issue.hint, used].filter((hint) => hint !== undefined);
    return hints.length === 0 ? undefined : hints.join('; ');
  });
}
