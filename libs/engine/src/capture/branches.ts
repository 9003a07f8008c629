import type { Row } from './rows.ts';

// Which items share the reading of their prompt follows from their tokens alone, so that results do not depend on the
// machine.

/** A prompt that is read once for several of its continuations. */
export interface SharedPrompt {
  /** One of its items. */
  readonly row: Row;
  /** The prompt's number among all prompts, if its own states are wanted; else null. */
  readonly promptRow: number | null;
  readonly rows: readonly Row[];
}

/** Continuations, as many or fewer of each prompt, that are read in one run behind the prompts' caches. */
export interface Branches {
  /** Numbers of the prompts, in rising order, each with its items. */
  readonly prompts: readonly { readonly prompt: number; readonly rows: readonly Row[] }[];
  /** Most items of a prompt. */
  readonly samples: number;
  /** Tokens of the longest. */
  readonly tokens: number;
}

/** The least share of all tokens that has to be saved: a run behind a cache costs a little more for each token. */
const LEAST_SAVED = 0.1;
/** Continuations are read with those whose lengths in tokens, divided by this, are the same whole number. */
const STEP = 8;

function tailLength({ ids, promptTokens }: Row): number {
  return ids.length - promptTokens;
}

/** Tells the items for which it pays to read their prompts once from those that are read whole. */
export function sharePrompts(rows: readonly Row[]): { readonly shared: SharedPrompt[]; readonly alone: Row[] } {
  const byPrompt = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.id, row.ids.slice(0, row.promptTokens)]);
    const known = byPrompt.get(key);
    if (known) known.push(row);
    else byPrompt.set(key, [row]);
  }
  const shared: SharedPrompt[] = [];
  const alone: Row[] = [];
  for (const items of byPrompt.values()) {
    const continued = items.filter((row) => tailLength(row) > 0);
    const saved = (continued.length - 1) * (continued[0]?.promptTokens ?? 0);
    const whole = continued.reduce((sum, { ids }) => sum + ids.length, 0);
    if (continued.length < items.length || saved < LEAST_SAVED * whole) alone.push(...items);
    else {
      const first = items.find(({ promptRow }) => promptRow !== null);
      shared.push({ row: items[0]!, promptRow: first?.promptRow ?? null, rows: items });
    }
  }
  return { shared, alone };
}

/** Runs over the continuations of some prompts of at most so many tokens, padding included, but never less than one. */
export function branchesOf(prompts: readonly SharedPrompt[], limit: number): Branches[] {
  const step = (row: Row): number => Math.ceil(tailLength(row) / STEP);
  const parts = prompts.flatMap(({ rows }, prompt) => {
    const sorted = [...rows].sort((a, b) => tailLength(a) - tailLength(b) || a.place - b.place);
    const cut: { prompt: number; rows: Row[] }[] = [];
    for (const row of sorted) {
      const last = cut.at(-1)?.rows;
      const fits = last && step(last[0]!) === step(row) && (last.length + 1) * tailLength(row) <= limit;
      if (fits) last.push(row);
      else cut.push({ prompt, rows: [row] });
    }
    return cut;
  });
  parts.sort((a, b) => step(a.rows[0]!) - step(b.rows[0]!) || a.rows.length - b.rows.length || a.prompt - b.prompt);
  const runs: Branches[] = [];
  let read = 0;
  for (const part of parts) {
    const own = part.rows.reduce((sum, row) => sum + tailLength(row), 0);
    const longest = tailLength(part.rows.at(-1)!);
    const last = runs.at(-1);
    const samples = Math.max(last?.samples ?? 0, part.rows.length);
    const tokens = Math.max(last?.tokens ?? 0, longest);
    const size = ((last?.prompts.length ?? 0) + 1) * samples * tokens;
    const twice = last?.prompts.some(({ prompt }) => prompt === part.prompt);
    // At most half of a run is padding.
    if (last && !twice && size <= limit && size <= 2 * (read + own)) {
      runs[runs.length - 1] = { prompts: [...last.prompts, part], samples, tokens };
      read += own;
    } else {
      runs.push({ prompts: [part], samples: part.rows.length, tokens: longest });
      read = own;
    }
  }
  return runs.map((run) => ({ ...run, prompts: [...run.prompts].sort((a, b) => a.prompt - b.prompt) }));
}
