import { UserError } from '@sonde/base';
import type { Clock } from './clock.ts';
import { type Answer, NoAnswer } from './post.ts';

/** A reason to ask once more. */
export class AskAgain extends Error {
  /** Milliseconds that the server asks to be left alone. */
  readonly wait: number | undefined;
  constructor(why: string, wait?: number) {
    super(why);
    this.wait = wait;
  }
}

export interface Persistence {
  readonly who: string;
  readonly clock: Clock;
  /** Seconds without any answer after which it gives up. */
  readonly patience: number;
  readonly log: (level: 'info' | 'warning', message: string) => void;
}

/** Milliseconds: the first wait, and the longest that is not asked for. */
const FIRST = 1000;
const LONGEST = 60_000;

/** Whether time mends it: too many requests, or the server's own trouble. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** The milliseconds that `Retry-After` says, in seconds or as a date; undefined where it says none. */
export function retryAfterOf({ retryAfter }: Answer, clock: Clock): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now());
}

/**
 * Waits that double from a second to a minute, each shortened by chance to between half and all of it, so that many
 * clients do not come back at once; never shorter than the server asks.
 */
export function backOff(attempt: number, clock: Clock, asked = 0): number {
  const usual = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 30));
  return Math.max(asked, Math.ceil(usual * (0.5 + clock.random() / 2)));
}

/**
 * Asks until there is an answer.
 * @throws UserError where there has been none for longer than patience; what `ask` throws otherwise
 */
export async function persist<T>(ask: () => Promise<T>, { who, clock, patience, log }: Persistence): Promise<T> {
  const since = clock.now();
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof AskAgain) && !(error instanceof NoAnswer)) throw error;
      const wait = backOff(attempt, clock, error instanceof AskAgain ? error.wait : undefined);
      const away = (clock.now() - since) / 1000;
      if (away + wait / 1000 > patience) {
        throw new UserError(
          'scorer',
          `${who} has given no answer for ${inWords(away)}: ${error.message}.`,
          'What it answered before is kept: the next run goes on from there. `patience:` waits longer.',
        );
      }
      if (attempt > 1) {
        log(attempt === 2 ? 'warning' : 'info', `${who}: ${error.message}; asking again in ${inWords(wait / 1000)}`);
      }
      await clock.sleep(wait);
    }
  }
}

function inWords(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
