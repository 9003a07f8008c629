import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { words } from '@sonde/pipeline';

export const unmatched = words(['error', 'report'], {
  default: 'error',
  description:
    'What happens where rows find no partner by id: `error` refuses, `report` counts them, says so and goes on.',
});

/** Rows of a table by their ids. */
export interface Side {
  /** What they are called: `continuations`. */
  readonly what: string;
  readonly ids: Iterable<string>;
}

/** How the rows of two tables find each other. */
export interface Match {
  readonly rows: Counted;
  readonly partners: Counted;
}

/** How many rows there are, and how many of them have no partner. */
export interface Counted {
  readonly what: string;
  readonly total: number;
  readonly alone: number;
  /** The first of those. */
  readonly examples: readonly string[];
}

const EXAMPLES = 2;

/** Counts which rows have a partner of the same id. @throws UserError where an id stands twice among the rows */
export function matchIds(rows: Side, partners: Side): Match {
  const found = new Map<string, boolean>();
  for (const id of partners.ids) found.set(id, false);
  const seen = new Map<string, number>();
  const alone = tally();
  let total = 0;
  for (const id of rows.ids) {
    const earlier = seen.get(id);
    if (earlier !== undefined) throw twice(rows.what, id, earlier, total);
    seen.set(id, total++);
    if (found.has(id)) found.set(id, true);
    else alone.add(id);
  }
  const strange = tally();
  for (const [id, used] of found) if (!used) strange.add(id);
  return {
    rows: { what: rows.what, total, alone: alone.count(), examples: alone.examples },
    partners: { what: partners.what, total: found.size, alone: strange.count(), examples: strange.examples },
  };
}

/** The error for an id that stands in two rows, counted from 0. */
export function twice(what: string, id: string, earlier: number, later: number): UserError {
  return new UserError(
    'ids',
    `the ${what} have ${shown(id)} twice, in rows ${earlier} and ${later}, counted from 0`,
    'Rows are told apart by their ids: give each its own, or take one of them out with table/filter.',
  );
}

/** Counts ids, and keeps the first. */
export function tally() {
  const examples: string[] = [];
  let count = 0;
  return {
    examples,
    count: () => count,
    add(id: string) {
      if (count++ < EXAMPLES) examples.push(id);
    },
  };
}

/**
 * Refuses rows without a partner, and partners that belong to no row, unless there may be more of those; or warns of them.
 *
 * @throws UserError where there are any, unless that is to be reported only
 */
export function sayMatch(
  { rows, partners }: Match,
  policy: 'error' | 'report',
  log: RunContext['log'],
  { mayBeMore = false }: { readonly mayBeMore?: boolean } = {},
): void {
  const ofRows = withoutPartner(rows, partners);
  const ofPartners = mayBeMore ? undefined : withoutPartner(partners, rows);
  const said = [ofRows, ofPartners].filter((text) => text !== undefined);
  if (policy === 'error' && said.length > 0) {
    const matching = rows.total - rows.alone;
    throw new UserError(
      'ids',
      said.join('; '),
      `Rows belong together by their ids: look whether both tables have the same. \`unmatched: report\` goes on with the ${matching} that match.`,
    );
  }
  for (const text of said) log('warning', text);
}

/** What is to be said of rows without a partner; undefined where there are none. */
export function withoutPartner(side: Counted, other: Counted): string | undefined {
  if (side.alone === 0) return undefined;
  const more = side.alone > side.examples.length ? ', …' : '';
  return `${side.alone} of ${side.total} ${side.what} match none of the ${other.what} (${side.examples.map(shown).join('; ')}${more})`;
}

/** The id of a prompt's continuation. */
export function pairId(promptId: string, sample: number | null): string {
  return `${promptId}\n${sample}`;
}

function shown(id: string): string {
  const [prompt, sample] = id.split('\n');
  return sample === undefined ? `${prompt}` : `prompt ${prompt}, sample ${sample}`;
}
